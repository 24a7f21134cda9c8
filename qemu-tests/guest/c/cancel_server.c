/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A procedure whose client dies is cancelled, if it lets itself be cancelled
 * and the door has no DOOR_NO_CANCEL.
 *
 * Rules: SI-10 SI-11 SI-12 SI-13 SI-15 TP-13 TP-15 TP-31
 */
#include <door.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int door, spared, nested_door;
static int never[2];		/* nobody writes here */
static int entered[2];		/* a byte for every procedure that is about to wait */
static volatile int cleaned, cleaned_inside, interrupted, went_on, by_hand;
static volatile sig_atomic_t foreign;

static void
clean_up(void *arg)
{
	*(volatile int *)arg += 1;
}

/* Lets itself be cancelled, and waits for ever. */
static void
wait_cancellable(volatile int *counter)
{
	char byte;

	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
	pthread_cleanup_push(clean_up, (void *)counter);
	CHECK(write(entered[1], "", 1) == 1);
	(void) read(never[0], &byte, 1);
	CHECK(!"the procedure went on");
	pthread_cleanup_pop(0);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	door_arg_t arg;
	door_cred_t cred;
	ssize_t got;
	char byte;
	int state;

	(void) cookie, (void) dp, (void) n_desc;
	switch (arg_size == 0 ? 0 : *argp) {
	case 'r':
		wait_cancellable(&cleaned);
		break;
	case 'n':
		/* Waits in another door, which waits. */
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
		pthread_cleanup_push(clean_up, (void *)&cleaned);
		(void) memset(&arg, 0, sizeof (arg));
		byte = 'i';
		arg.data_ptr = &byte;
		arg.data_size = 1;
		(void) door_call(nested_door, &arg);
		CHECK(!"the nested call came back");
		pthread_cleanup_pop(0);
		break;
	case 'm':
		/* The same, but not to be cancelled: the call is interrupted, and its server loses its client. */
		(void) memset(&arg, 0, sizeof (arg));
		byte = 'i';
		arg.data_ptr = &byte;
		arg.data_size = 1;
		CHECK_FAILS(door_call(nested_door, &arg), EINTR);
		interrupted++;
		break;
	case 'i':
		wait_cancellable(&cleaned_inside);
		break;
	case 'c':
		/* Computes, and looks now and then. */
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
		pthread_cleanup_push(clean_up, (void *)&cleaned);
		CHECK(write(entered[1], "", 1) == 1);
		for (;;)
			pthread_testcancel();
		pthread_cleanup_pop(0);
		break;
	case 'd':
		/* Default threads are not cancelled; a call that waits may be interrupted, once. */
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
		CHECK(state == PTHREAD_CANCEL_DISABLE);
		CHECK(write(entered[1], "", 1) == 1);
		got = read(never[0], &byte, 1);
		CHECK(got == -1 && errno == EINTR);
		interrupted++;
		CHECK_FAILS(door_cred(&cred), EINVAL);
		/* The request is still there. */
		pthread_cleanup_push(clean_up, (void *)&cleaned);
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
		pthread_testcancel();
		CHECK(!"the request was forgotten");
		pthread_cleanup_pop(0);
		break;
	case 's':
		/* On the door that spares its threads: even one that could be cancelled, nor is it interrupted. */
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
		CHECK(write(entered[1], "", 1) == 1);
		while (door_cred(&cred) == 0)
			(void) usleep(1000);
		CHECK(errno == EINVAL);
		CHECK(read(by_hand, &byte, 1) == 1);
		pthread_testcancel();
		CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
		went_on++;
		break;
	}
	(void) door_return(argp, arg_size, NULL, 0);
}

static int
call(int to, char request)
{
	door_arg_t arg;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = arg.rbuf = &request;
	arg.data_size = arg.rsize = 1;
	return (door_call(to, &arg));
}

/* Lets a client call, and kills it when its call is served. */
static void
client_dies(int to, char request)
{
	pid_t child;
	char byte;

	if ((child = fork()) == 0) {
		(void) call(to, request);
		_exit(1);
	}
	CHECK(read(entered[0], &byte, 1) == 1);
	/* The byte comes shortly before the procedure waits. */
	(void) usleep(20000);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
}

static void
await(volatile int *counter, int value)
{
	int patience = 1000;

	while (*counter != value && patience-- > 0)
		(void) usleep(10000);
	CHECK(*counter == value);
}

static void
on_signal(int signal)
{
	(void) signal;
	foreign++;
}

/* A process that needs no cancellations is left alone, and so is one that uses the signal itself. */
static void
others_signals(void)
{
	struct sigaction action;
	int status;

	(void) fflush(stderr);
	if (fork() == 0) {
		CHECK(door_create(serve, NULL, DOOR_NO_CANCEL) != -1);
		CHECK(sigaction(SIGRTMAX, NULL, &action) == 0);
		CHECK(action.sa_handler == SIG_DFL);
		CHECK(door_create(serve, NULL, 0) != -1);
		CHECK(sigaction(SIGRTMAX, NULL, &action) == 0);
		CHECK(action.sa_handler != SIG_DFL && !(action.sa_flags & SA_RESTART));
		/* What others send has no meaning. */
		CHECK(raise(SIGRTMAX) == 0);
		pthread_testcancel();
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);
	if (fork() == 0) {
		(void) signal(SIGRTMAX, on_signal);
		CHECK(door_create(serve, NULL, 0) != -1);
		CHECK(raise(SIGRTMAX) == 0 && foreign == 1);
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);
	if (fork() == 0) {
		(void) signal(SIGRTMAX, SIG_IGN);
		CHECK(door_create(serve, NULL, 0) != -1);
		CHECK(signal(SIGRTMAX, SIG_DFL) == SIG_IGN);
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);
}

int
main(void)
{
	sigset_t all;
	int ends[2];

	others_signals();
	CHECK(pipe(never) == 0 && pipe(entered) == 0 && pipe(ends) == 0);
	by_hand = ends[0];

	/* Many servers block whatever there is before they make their doors. */
	(void) sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	CHECK((spared = door_create(serve, NULL, DOOR_NO_CANCEL)) != -1);
	CHECK((nested_door = door_create(serve, NULL, 0)) != -1);
	CHECK(call(door, 'x') == 0);

	client_dies(door, 'r');
	await(&cleaned, 1);
	CHECK(call(door, 'x') == 0);

	client_dies(door, 'c');
	await(&cleaned, 2);
	CHECK(call(door, 'x') == 0);

	client_dies(door, 'd');
	await(&interrupted, 1);
	await(&cleaned, 3);
	CHECK(call(door, 'x') == 0);

	client_dies(door, 'n');
	await(&cleaned, 4);
	await(&cleaned_inside, 1);
	CHECK(call(door, 'x') == 0);

	client_dies(spared, 's');
	(void) usleep(50000);
	CHECK(write(ends[1], "", 1) == 1);
	await(&went_on, 1);
	CHECK(call(spared, 'x') == 0 && call(door, 'x') == 0);

	/* The last, because it leaves a thread with a request to be cancelled. */
	client_dies(door, 'm');
	await(&interrupted, 2);
	await(&cleaned_inside, 2);
	CHECK(cleaned == 4);
	CHECK(call(door, 'x') == 0);
	return (0);
}
