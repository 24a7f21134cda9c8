// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference against single rules: short stories whose end the specification tells. What is always so is in
//! `tests/any_order`.

mod calls;
mod doors;
mod notifications;
mod story;
