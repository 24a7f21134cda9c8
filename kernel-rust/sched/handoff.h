/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hand-off scheduling: a task that goes to sleep gives the CPU to the task that
 * it waits for, in one step. Part of kernel/sched/core.c.
 *
 * schedule_handoff(to) means wake_up_process(to); schedule(), no more and no
 * less. Where it can, it does that in one critical section of the run queue,
 * without a choice of CPU, a wake-up preemption or a pick, in one of two ways:
 *
 *  - *plain*: the sleeper is dequeued, the target enqueued and made next, with
 *    what is left of the sleeper's slice;
 *  - *lent*: the sleeper ("donor") stays queued with its scheduling entity, and
 *    the target ("donee") runs on that, never enqueued itself. That is proxy
 *    execution with a call in the place of a mutex: rq->donor is the sleeper,
 *    rq->curr the target. When the target hands the CPU back, nothing has to be
 *    dequeued or enqueued either. Needs SCHED_PROXY_EXEC.
 *
 * Everything that does not fit is an ordinary wake-up and an ordinary sleep.
 *
 * A donee has on_rq set, although its entity is in no queue: only its donor's
 * is. So the loan ends wherever that would be seen, and the donee is enqueued for
 * real; its donor, if it still sleeps, is dequeued when it is picked the next
 * time:
 *
 *  - in dequeue_task(), through which every migration and every change of class,
 *    priority, affinity or cgroup goes, and a donee that blocks;
 *  - in ttwu_runnable(), for a donor that is woken by somebody else;
 *  - in try_to_block_task(), for a donee that blocks on a mutex and stays queued;
 *  - in proxy_reset_donor(), for a donee that is to become the donor;
 *  - at the tick, so that a long procedure is balanced and limited like any
 *    other, and its caller is not waited for by RCU tasks.
 *
 * A donor that is picked before leads find_proxy_task() to its donee.
 *
 * Loans nest, as calls do. ->handoff_donee and ->handoff_donor are used under
 * the lock of the run queue on which both ends of the loan are.
 */

/* The task on whose scheduling context @p runs; most often its own. */
static inline struct task_struct *handoff_context(struct task_struct *p)
{
	while (unlikely(p->handoff_donor))
		p = p->handoff_donor;
	return p;
}

/* Pressure stall information follows the scheduling context: @p gets its own. */
static void handoff_psi_split(struct task_struct *context, struct task_struct *p)
{
#ifdef CONFIG_PSI
	if (static_branch_likely(&psi_disabled))
		return;
	/* psi_enqueue() leaves a task that is on a CPU to the next switch. */
	if (!(p->psi_flags & TSK_RUNNING))
		psi_task_change(p, 0, TSK_RUNNING);
	psi_task_switch(context, p, false);
#endif
}

#ifdef CONFIG_PSI
/* Both are on this run queue, whose lock keeps them in their cgroups. */
static inline bool handoff_same_cgroups(struct task_struct *prev,
					struct task_struct *to)
{
#ifdef CONFIG_CGROUPS
	return rcu_access_pointer(prev->cgroups) == rcu_access_pointer(to->cgroups);
#else
	return true;
#endif
}
#endif

/*
 * @to runs in the place of @prev. Within one group that changes nothing about
 * how many tasks run and wait there, so the two just change places.
 */
static void handoff_psi_replace(struct task_struct *prev, struct task_struct *to,
				int flags)
{
#ifdef CONFIG_PSI
	const unsigned int runs = TSK_RUNNING | TSK_ONCPU;

	if (static_branch_likely(&psi_disabled))
		return;
	if (prev->psi_flags == runs && !to->psi_flags && !prev->in_memstall &&
	    !to->in_memstall && !prev->in_iowait &&
	    handoff_same_cgroups(prev, to)) {
		prev->psi_flags = 0;
		to->psi_flags = runs;
		return;
	}
	psi_enqueue(to, flags);
	psi_task_switch(prev, to, true);
#endif
}

/* As activate_task(), but for the pressure stall information of @to. */
static void handoff_activate(struct rq *rq, struct task_struct *to, int flags)
{
	uclamp_rq_inc(rq, to, flags);
	to->sched_class->enqueue_task(rq, to, flags);
	sched_info_enqueue(rq, to);
	WRITE_ONCE(to->on_rq, TASK_ON_RQ_QUEUED);
}

/* Ends the loan of @donor: its donee stands on its own feet. */
static void handoff_end_loan(struct rq *rq, struct task_struct *donor)
{
	struct task_struct *context = handoff_context(donor);
	struct task_struct *donee = donor->handoff_donee;
	struct task_struct *last = donee;

	lockdep_assert_rq_held(rq);
	while (last->handoff_donee)
		last = last->handoff_donee;
	/* Until now, the time that the donee has used was its donor's. */
	if (last == rq->curr)
		rq->donor->sched_class->update_curr(rq);
	donor->handoff_donee = NULL;
	WRITE_ONCE(donee->handoff_donor, NULL);
#ifdef CONFIG_PSI
	/* psi_enqueue() counts this again. */
	if (!task_on_cpu(rq, donee) && donee->psi_flags & TSK_MEMSTALL_RUNNING)
		psi_task_change(donee, TSK_MEMSTALL_RUNNING, 0);
#endif
	enqueue_task(rq, donee, ENQUEUE_WAKEUP | ENQUEUE_NOCLOCK);
	if (last == rq->curr) {
		handoff_psi_split(context, donee);
		/* What runs is not what was picked. */
		resched_curr(rq);
	}
}

/* @p is about to be dequeued: it neither lends nor borrows any more. */
static void handoff_end_loans(struct rq *rq, struct task_struct *p)
{
	if (p->handoff_donor)
		handoff_end_loan(rq, p->handoff_donor);
	if (p->handoff_donee)
		handoff_end_loan(rq, p);
}

/* Does a bandwidth limit apply to @p? Its time must be billed to its own group. */
static bool handoff_is_limited(struct task_struct *p)
{
#if defined(CONFIG_FAIR_GROUP_SCHED) && defined(CONFIG_CFS_BANDWIDTH)
	struct sched_entity *se;

	/* It may be due to be throttled, for a limit that is gone. */
	if (p->sched_throttle_work.next != &p->sched_throttle_work)
		return true;
	for (se = p->se.parent; se; se = se->parent) {
		if (group_cfs_rq(se)->runtime_enabled)
			return true;
	}
#endif
	return false;
}

/* May @prev lend @to its scheduling context? Under the lock of @rq. */
static bool handoff_may_lend(struct rq *rq, struct task_struct *prev,
			     struct task_struct *to)
{
	/* Nobody runs with the priority of another task. */
	return sched_proxy_exec() && prev->static_prio == to->static_prio &&
	       task_group(prev) == task_group(to) &&
	       prev->policy == to->policy &&
	       (prev->handoff_donor || rq->donor == prev) &&
	       rq->donor->sched_class == &fair_sched_class &&
	       !handoff_is_limited(prev);
}

/*
 * Accounts to @prev what it has used of the scheduling context that goes to
 * another task now. The rest of what update_curr() does is about the context,
 * and is done when somebody asks for it, at the latest at the tick; it leaves
 * out then what was accounted here.
 */
static inline void handoff_account(struct rq *rq, struct task_struct *prev)
{
	struct task_struct *donor = rq->donor;
	s64 delta;

	if (unlikely(donor->sched_class != &fair_sched_class)) {
		donor->sched_class->update_curr(rq);
		return;
	}
	delta = rq_clock_task(rq) - donor->se.exec_start - rq->handoff_accounted;
	if (unlikely(delta <= 0))
		return;
	rq->handoff_accounted += delta;
	prev->se.sum_exec_runtime += delta;
	trace_sched_stat_runtime(prev, delta);
	account_group_exec_runtime(prev, delta);
	cgroup_account_cputime(prev, delta);
}

/* May @prev, which is current, take part in a hand-off at all? */
static bool handoff_may_leave(struct rq *rq, struct task_struct *prev)
{
	return prev->sched_class == &fair_sched_class &&
	       !scx_enabled() && !sched_core_enabled(rq) &&
	       !(prev->flags & (PF_WQ_WORKER | PF_IO_WORKER)) && !prev->plug &&
	       !IS_ENABLED(CONFIG_PREEMPT_RT);
}

/* May @to be taken to this CPU? Under its pi_lock. */
static bool handoff_may_enter(struct task_struct *to, int cpu)
{
	return READ_ONCE(to->__state) & TASK_NORMAL &&
	       to->sched_class == &fair_sched_class &&
	       cpumask_test_cpu(cpu, to->cpus_ptr) && cpu_active(cpu) &&
	       !is_migration_disabled(to) && !to->in_iowait;
}

static inline void handoff_rq_lock(struct rq *rq, struct rq_flags *rf)
	__acquires(__rq_lockp(rq))
{
	rq_lock(rq, rf);
	smp_mb__after_spinlock();
	rq->clock_update_flags <<= 1;
	update_rq_clock(rq);
	rq->clock_update_flags = RQCF_UPDATED;
}

/* @to is awake. Under the lock of @rq. */
static inline void handoff_awake(struct rq *rq, struct task_struct *to)
{
	to->is_blocked = 0;
	WRITE_ONCE(to->__state, TASK_RUNNING);
	trace_sched_wakeup(to);
}

/* The end of __schedule(), for a @next that nobody had to pick. Unlocks @rq. */
static void handoff_switch(struct rq *rq, struct task_struct *prev,
			   struct task_struct *next, unsigned long prev_state,
			   struct rq_flags *rf)
	__releases(__rq_lockp(rq))
{
	/* Whoever it was once boosted by may be gone. */
	next->blocked_donor = NULL;
	rq->nr_switches++;
	/* See __schedule() for the barriers that rq->curr needs. */
	RCU_INIT_POINTER(rq->curr, next);
	prev->nvcsw++;
	psi_account_irqtime(rq, prev, next);
	trace_sched_switch(false, prev, next, prev_state);
	context_switch(rq, prev, next, rf);
}

/*
 * A request to reschedule is about the scheduling context. That stays, so the
 * request goes along; it is served before @next is in user mode.
 */
static inline void handoff_carry_resched(struct task_struct *prev,
					 struct task_struct *next)
{
	unsigned long flags = READ_ONCE(task_thread_info(prev)->flags);

	if (likely(!(flags & (_TIF_NEED_RESCHED | _TIF_NEED_RESCHED_LAZY))))
		return;
	if (flags & _TIF_NEED_RESCHED)
		set_tsk_thread_flag(next, TIF_NEED_RESCHED);
	if (flags & _TIF_NEED_RESCHED_LAZY)
		set_tsk_thread_flag(next, TIF_NEED_RESCHED_LAZY);
	clear_tsk_need_resched(prev);
}

/*
 * Gives what @prev has borrowed back to its donor, and sleeps. False if the loan
 * is over, or if @prev may not sleep.
 *
 * As long as there is the loan, the donor sleeps: whoever wakes it ends the loan
 * first, under the lock of @rq. So its pi_lock is not needed.
 */
static bool handoff_return(struct rq *rq, struct task_struct *prev,
			   struct task_struct *to)
{
	unsigned long prev_state;
	struct rq_flags rf;

	handoff_rq_lock(rq, &rf);
	prev_state = READ_ONCE(prev->__state);
	if (prev->handoff_donor != to || rq->donor == prev || !prev_state ||
	    signal_pending_state(prev_state, prev) ||
	    !cpumask_test_cpu(cpu_of(rq), to->cpus_ptr)) {
		rq_unlock(rq, &rf);
		return false;
	}
	trace_sched_waking(to);
	handoff_account(rq, prev);
	handoff_carry_resched(prev, to);
	WRITE_ONCE(prev->handoff_donor, NULL);
	to->handoff_donee = NULL;
	handoff_awake(rq, to);
	prev->is_blocked = 1;
	prev->sched_contributes_to_load = 0;
	/* From here on, @prev can be woken elsewhere once it is off this CPU. */
	smp_store_release(&prev->on_rq, 0);
	handoff_switch(rq, prev, to, prev_state, &rf);
	return true;
}

/* @prev sleeps and lends @to its scheduling context. */
static void handoff_lend(struct rq *rq, struct task_struct *prev,
			 struct task_struct *to, unsigned long prev_state,
			 struct rq_flags *rf)
	__releases(__rq_lockp(rq))
{
	handoff_account(rq, prev);
	handoff_carry_resched(prev, to);
	prev->is_blocked = 1;
	prev->handoff_donee = to;
	WRITE_ONCE(to->handoff_donor, prev);
	WRITE_ONCE(to->on_rq, TASK_ON_RQ_QUEUED);
	handoff_awake(rq, to);
	raw_spin_unlock(&to->pi_lock);
	handoff_switch(rq, prev, to, prev_state, rf);
}

/*
 * @to is awake and enqueued with @flags: @prev sleeps and @to takes its place,
 * unless somebody else has a better claim to the CPU. Unlocks @rq; says whether
 * @prev has slept.
 */
static bool handoff_replace(struct rq *rq, struct task_struct *prev,
			    struct task_struct *to, int flags, struct rq_flags *rf)
	__releases(__rq_lockp(rq))
{
	unsigned long prev_state = READ_ONCE(prev->__state);
	s64 left;

	if (!prev_state || rq->donor != prev || prev->dl_server ||
	    test_tsk_need_resched(prev) ||
	    test_tsk_thread_flag(prev, TIF_NEED_RESCHED_LAZY) ||
	    rq->nr_running != rq->cfs.h_nr_queued ||
	    !to->se.on_rq || to->se.sched_delayed ||
	    !try_to_block_task(rq, prev, &prev_state, true)) {
		psi_enqueue(to, flags);
		rq_unlock(rq, rf);
		return false;
	}
	left = prev->se.vprot - prev->se.vruntime;
	handoff_carry_resched(prev, to);
	put_prev_set_next_task(rq, prev, to);
	/* The pair has one slice, and not a fresh one with every turn. */
	if ((s64)(to->se.vprot - to->se.vruntime) > left)
		to->se.vprot = to->se.vruntime + left;
	rq_set_donor(rq, to);
	rq->next_class = to->sched_class;
	handoff_psi_replace(prev, to, flags);
	handoff_switch(rq, prev, to, prev_state, rf);
	return true;
}

/* What came of an attempt. */
enum handoff {
	HANDOFF_REFUSED,	/* nothing has happened */
	HANDOFF_WOKEN,		/* the target is awake, current is too */
	HANDOFF_DONE,		/* current has slept, and is awake again */
};

/* Wakes @to, and gives it the CPU of @prev. Interrupts are off. */
static enum handoff handoff_call(struct rq *rq, struct task_struct *prev,
				 struct task_struct *to)
{
	int flags = ENQUEUE_WAKEUP | ENQUEUE_NOCLOCK;
	int cpu = cpu_of(rq);
	unsigned long prev_state;
	bool delayed = false;
	struct rq_flags rf;

	raw_spin_lock(&to->pi_lock);
	smp_mb__after_spinlock();
	if (!handoff_may_enter(to, cpu))
		goto refuse;
	/* See try_to_wake_up() for the order of these. */
	smp_rmb();
	if (READ_ONCE(to->on_rq)) {
		/* Asleep, but with its dequeueing delayed? */
		if (task_cpu(to) != cpu || !READ_ONCE(to->se.sched_delayed))
			goto refuse;
		delayed = true;
	} else {
		smp_acquire__after_ctrl_dep();
		if (smp_load_acquire(&to->on_cpu))
			goto refuse;
		WRITE_ONCE(to->__state, TASK_WAKING);
		if (task_cpu(to) != cpu) {
			psi_ttwu_dequeue(to);
			set_task_cpu(to, cpu);
			flags |= ENQUEUE_MIGRATED;
		}
	}
	trace_sched_waking(to);

	handoff_rq_lock(rq, &rf);
	if (delayed && (!task_on_rq_queued(to) || !to->se.sched_delayed ||
			task_rq(to) != rq)) {
		rq_unlock(rq, &rf);
		goto refuse;
	}
	prev_state = READ_ONCE(prev->__state);
	if (!delayed && to->sched_contributes_to_load)
		rq->nr_uninterruptible--;
	/* What has been moved is enqueued once: its load must arrive here. */
	if (!delayed && !(flags & ENQUEUE_MIGRATED) && to->wake_cpu == cpu &&
	    prev_state && !signal_pending_state(prev_state, prev) &&
	    handoff_may_lend(rq, prev, to) && !handoff_is_limited(to)) {
		handoff_lend(rq, prev, to, prev_state, &rf);
		return HANDOFF_DONE;
	}
	if (delayed)
		flags = ENQUEUE_NOCLOCK | ENQUEUE_DELAYED;
	handoff_activate(rq, to, flags);
	handoff_awake(rq, to);
	raw_spin_unlock(&to->pi_lock);
	return handoff_replace(rq, prev, to, flags, &rf) ? HANDOFF_DONE :
							   HANDOFF_WOKEN;

refuse:
	raw_spin_unlock(&to->pi_lock);
	return HANDOFF_REFUSED;
}

void __sched schedule_handoff(struct task_struct *to)
{
	struct task_struct *prev = current;
	enum handoff outcome = HANDOFF_REFUSED;
	struct rq *rq;

	preempt_disable();
	schedule_debug(prev, false);
	local_irq_disable();
	rq = this_rq();
	/*
	 * RCU need not be told: what is handed to goes on to user mode, and
	 * the tick notes that.
	 */
	if (likely(handoff_may_leave(rq, prev))) {
		migrate_disable_switch(rq, prev);
		/* A guess, until the lock is held. */
		if (READ_ONCE(prev->handoff_donor) == to && handoff_return(rq, prev, to))
			outcome = HANDOFF_DONE;
		else
			outcome = handoff_call(rq, prev, to);
	}
	if (likely(outcome == HANDOFF_DONE)) {
		/* finish_task_switch() has turned interrupts on. */
		preempt_enable();
		return;
	}
	local_irq_enable();
	if (outcome == HANDOFF_REFUSED)
		try_to_wake_up(to, TASK_NORMAL, WF_CURRENT_CPU | WF_SYNC);
	sched_preempt_enable_no_resched();
	schedule();
}
