// SPDX-License-Identifier: GPL-2.0

//! A door: a procedure of a process, with a descriptor.

use crate::{
    abi::DoorInfo,
    model::attributes,
    parameters::Parameters,
    pool::Pool,
    process::Process,
    references::References, //
};
use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        AtomicTracker,
        ListArc,
        ListLinks,
        TryNewListArc, //
    },
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Full,
                Relaxed, //
            },
            Atomic,
        },
        Arc, //
    },
};

/// Counts the doors of this boot, starting at 0 (CR-7).
static NEXT_UNIQUIFIER: Atomic<u64> = Atomic::new(0);

/// A door. Its files own references to it, and the list of its target owns one until the last file
/// is closed.
#[pin_data]
pub(crate) struct Door {
    /// The process in which the procedure runs.
    pub(crate) target: Arc<Process>,
    /// The address of the procedure in the target; never looked at (CR-6).
    pub(crate) procedure: usize,
    /// What the procedure gets as its first argument (CR-6).
    pub(crate) cookie: usize,
    /// No other door of this boot has the same (CR-7).
    pub(crate) uniquifier: u64,
    /// What it was created with, and `DOOR_REVOKED` once it is.
    attributes: Atomic<u32>,
    #[pin]
    pub(crate) parameters: Parameters,
    #[pin]
    pub(crate) references: References,
    /// The threads of a private door; unused otherwise.
    #[pin]
    own_pool: Pool,
    #[pin]
    open_links: ListLinks<OPEN>,
    #[pin]
    unreferenced_links: ListLinks<UNREFERENCED>,
    #[pin]
    unreferenced_tracker: AtomicTracker<UNREFERENCED>,
}

/// The list of the doors of a process.
pub(crate) const OPEN: u64 = 0;
/// The list of those that it is to be told of.
pub(crate) const UNREFERENCED: u64 = 1;

impl_list_arc_safe! {
    impl ListArcSafe<{ OPEN }> for Door {
        untracked;
    }
    impl ListArcSafe<{ UNREFERENCED }> for Door {
        tracked_by unreferenced_tracker: AtomicTracker<UNREFERENCED>;
    }
}

impl_list_item! {
    impl ListItem<{ OPEN }> for Door {
        using ListLinks { self.open_links };
    }
    impl ListItem<{ UNREFERENCED }> for Door {
        using ListLinks { self.unreferenced_links };
    }
}

impl Door {
    /// Makes a door of the current process.
    ///
    /// # Errors
    ///
    /// `EINVAL` for attributes that may not be (CR-3), `ENOMEM`.
    pub(crate) fn create(
        procedure: usize,
        cookie: usize,
        attributes: u32,
    ) -> Result<ListArc<Self>> {
        attributes::check_create(attributes)?;
        ListArc::pin_init(
            try_pin_init!(Self {
                target: Process::current()?,
                procedure,
                cookie,
                uniquifier: NEXT_UNIQUIFIER.fetch_add(1, Relaxed),
                parameters <- Parameters::new(attributes),
                attributes: Atomic::new(attributes),
                references <- References::new(),
                own_pool <- Pool::new(),
                open_links <- ListLinks::new(),
                unreferenced_links <- ListLinks::new(),
                unreferenced_tracker <- AtomicTracker::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// May this request be made? (CA-2, rows 3 to 7)
    pub(crate) fn check_request(&self, data_size: usize, desc_num: u32) -> Result {
        Ok(self
            .parameters
            .limits()
            .check(self.attributes(), data_size, desc_num)?)
    }

    /// What it was created with, and what has become of it since.
    pub(crate) fn attributes(&self) -> u32 {
        self.attributes.load(Acquire)
    }

    /// The pool that serves it.
    pub(crate) fn pool(&self) -> &Pool {
        if self.is_private() {
            &self.own_pool
        } else {
            &self.target.pool
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        self.attributes() & attributes::PRIVATE != 0
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.attributes() & attributes::REVOKED != 0
    }

    /// Revokes it: queued callers get `EBADF`, calls that are served go on (RV-3, RV-4).
    pub(crate) fn revoke(&self) {
        self.mark_revoked();
        self.target.notifications.withdraw(self);
        self.pool().wake_callers(Some(self));
    }

    /// Marks it as revoked; the caller sees to those who are queued.
    pub(crate) fn mark_revoked(&self) {
        self.change(|now| now | attributes::REVOKED);
    }

    /// May its process be told that it is unreferenced? Uses the only chance of a `DOOR_UNREF` door
    /// up (UN-8).
    pub(crate) fn use_notification(&self) -> bool {
        attributes::wants_unreferenced(self.change(|now| now & !attributes::UNREF))
    }

    /// Changes the attributes, and returns what they were.
    fn change(&self, to: impl Fn(u32) -> u32) -> u32 {
        let mut now = self.attributes.load(Relaxed);
        while let Err(other) = self.attributes.cmpxchg(now, to(now), Full) {
            now = other;
        }
        now
    }

    /// The attributes as the current process may see them (IF-4).
    pub(crate) fn shown_attributes(&self) -> u32 {
        attributes::shown(self.attributes(), self.target.is_current())
    }

    /// What `door_info` says.
    pub(crate) fn info(&self) -> DoorInfo {
        DoorInfo {
            target: self.target.target(),
            procedure: self.procedure as u64,
            data: self.cookie as u64,
            attributes: self.shown_attributes(),
            uniquifier: self.uniquifier,
            resv: [0; 4],
        }
    }
}
