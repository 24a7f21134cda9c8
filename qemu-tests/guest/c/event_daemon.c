/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An event service as system daemons are written on Solaris: a fixed pool of
 * its own threads with a name for each in thread-specific data, requests of a
 * bounded size, publishing for root only, subscribing for everybody by passing
 * a door of one's own, which the service calls back.
 *
 * Rules: XC-4 XC-6 TP-25 PA-2 PA-3 UC-2 DE-2 DE-4 SI-50
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <door.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stropts.h>
#include <synch.h>
#include <thread.h>
#include <ucred.h>
#include <unistd.h>

#include "check.h"

#define	EVENT_DOOR	"/tmp/event_service_door"
#define	POOL_SIZE	4
#define	MAX_SUBSCRIBERS	8

typedef struct event_req {
	enum { EV_PUBLISH, EV_SUBSCRIBE, EV_STATUS } er_op;
	int	er_class;
	char	er_text[40];
} event_req_t;

typedef struct event_res {
	int	es_errno;
	int	es_subscribers;
	int	es_delivered;
	int	es_worker;
} event_res_t;

/* ---- The service. ---- */

static mutex_t sub_lock = DEFAULTMUTEX;
static int subscriber[MAX_SUBSCRIBERS];
static int nsubscribers;
static thread_key_t worker_key = THR_ONCE_KEY;
static int workers;

/*ARGSUSED*/
static int
worker_create(door_info_t *dip, void *(*startf)(void *), void *startfarg, void *cookie)
{
	(void) dip, (void) cookie;
	return (thr_create(NULL, 0, startf, startfarg, THR_BOUND | THR_DETACHED, NULL) == 0 ?
	    1 : -1);
}

/*ARGSUSED*/
static void
worker_setup(void *cookie)
{
	static mutex_t lock = DEFAULTMUTEX;
	long number;

	(void) cookie;
	CHECK(thr_keycreate_once(&worker_key, NULL) == 0);
	(void) mutex_lock(&lock);
	number = ++workers;
	(void) mutex_unlock(&lock);
	CHECK(thr_setspecific(worker_key, (void *)number) == 0);
	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

static int
publish(event_req_t *req, event_res_t *res)
{
	door_arg_t arg;
	int i;

	for (i = 0; i < nsubscribers; i++) {
		(void) memset(&arg, 0, sizeof (arg));
		arg.data_ptr = req->er_text;
		arg.data_size = strlen(req->er_text) + 1;
		if (door_call(subscriber[i], &arg) == 0) {
			res->es_delivered++;
		} else {
			/* The subscriber has gone. */
			CHECK(errno == EBADF);
			(void) close(subscriber[i]);
			subscriber[i--] = subscriber[--nsubscribers];
		}
	}
	return (0);
}

/*ARGSUSED*/
static void
event_server(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	event_req_t *req = (event_req_t *)(void *)argp;
	event_res_t res;
	ucred_t *uc = NULL;
	void *worker;

	(void) cookie;
	(void) memset(&res, 0, sizeof (res));
	CHECK(thr_getspecific(worker_key, &worker) == 0);
	res.es_worker = (int)(long)worker;
	if (arg_size != sizeof (*req)) {
		res.es_errno = EINVAL;
		(void) door_return((char *)&res, sizeof (res), NULL, 0);
	}
	if (door_ucred(&uc) != 0) {
		res.es_errno = errno;
		(void) door_return((char *)&res, sizeof (res), NULL, 0);
	}
	(void) mutex_lock(&sub_lock);
	switch (req->er_op) {
	case EV_PUBLISH:
		res.es_errno = ucred_geteuid(uc) != 0 ? EPERM : publish(req, &res);
		break;
	case EV_SUBSCRIBE:
		if (n_desc != 1 || nsubscribers == MAX_SUBSCRIBERS ||
		    !(dp->d_attributes & DOOR_DESCRIPTOR) || dp->d_data.d_desc.d_id == 0) {
			res.es_errno = EINVAL;
			while (n_desc-- > 0)
				(void) close(dp[n_desc].d_data.d_desc.d_descriptor);
		} else {
			subscriber[nsubscribers++] = dp->d_data.d_desc.d_descriptor;
		}
		break;
	case EV_STATUS:
		break;
	}
	res.es_subscribers = nsubscribers;
	(void) mutex_unlock(&sub_lock);
	ucred_free(uc);
	(void) door_return((char *)&res, sizeof (res), NULL, 0);
}

static void
service(int ready)
{
	int did, fd;

	did = door_xcreate(event_server, NULL, DOOR_NO_CANCEL | DOOR_NO_DEPLETION_CB,
	    worker_create, worker_setup, NULL, POOL_SIZE);
	CHECK(did != -1);
	CHECK(workers == POOL_SIZE);
	CHECK(door_setparam(did, DOOR_PARAM_DATA_MIN, sizeof (int)) == 0);
	CHECK(door_setparam(did, DOOR_PARAM_DATA_MAX, sizeof (event_req_t)) == 0);
	CHECK(door_setparam(did, DOOR_PARAM_DESC_MAX, 1) == 0);
	if ((fd = open(EVENT_DOOR, O_CREAT | O_RDWR, 0644)) >= 0)
		(void) close(fd);
	(void) fdetach(EVENT_DOOR);
	CHECK(fattach(did, EVENT_DOOR) == 0);
	CHECK(write(ready, "", 1) == 1);
	for (;;)
		(void) pause();
}

/* ---- Its clients. ---- */

static int
request(event_req_t *req, size_t size, int fd, event_res_t *res)
{
	door_arg_t arg;
	door_desc_t desc;
	int did, err;

	if ((did = open(EVENT_DOOR, O_RDONLY)) == -1)
		return (errno);
	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = (char *)req;
	arg.data_size = size;
	if (fd != -1) {
		desc.d_attributes = DOOR_DESCRIPTOR;
		desc.d_data.d_desc.d_descriptor = fd;
		arg.desc_ptr = &desc;
		arg.desc_num = 1;
	}
	arg.rbuf = (char *)res;
	arg.rsize = sizeof (*res);
	err = door_call(did, &arg) == 0 ? 0 : errno;
	(void) close(did);
	if (err != 0)
		return (err);
	CHECK(arg.data_size == sizeof (*res) && arg.data_ptr == (char *)res);
	CHECK(res->es_worker >= 1 && res->es_worker <= POOL_SIZE);
	return (res->es_errno);
}

static int heard;		/* where a subscriber writes what it hears */

/*ARGSUSED*/
static void
event_handler(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) dp, (void) n_desc;
	CHECK(write(heard, argp, arg_size) == (ssize_t)arg_size);
	(void) door_return(NULL, 0, NULL, 0);
}

static void
subscribe(int to, int ready)
{
	event_req_t req;
	event_res_t res;
	int mine;

	heard = to;
	(void) memset(&req, 0, sizeof (req));
	req.er_op = EV_SUBSCRIBE;
	CHECK(request(&req, sizeof (req), -1, &res) == EINVAL);
	CHECK(request(&req, sizeof (req), to, &res) == EINVAL);
	CHECK((mine = door_create(event_handler, NULL, DOOR_REFUSE_DESC)) != -1);
	CHECK(request(&req, sizeof (req), mine, &res) == 0);
	CHECK(write(ready, "", 1) == 1);
	for (;;)
		(void) pause();
}

int
main(void)
{
	event_req_t req;
	event_res_t res;
	pid_t daemon, listeners[2];
	int ready[2], ears[2], i, status;
	char text[200];
	size_t got;
	ssize_t n;

	CHECK(pipe(ready) == 0 && pipe(ears) == 0);
	if ((daemon = fork()) == 0)
		service(ready[1]);
	CHECK(read(ready[0], text, 1) == 1);
	for (i = 0; i < 2; i++) {
		if ((listeners[i] = fork()) == 0)
			subscribe(ears[1], ready[1]);
		CHECK(read(ready[0], text, 1) == 1);
	}

	(void) memset(&req, 0, sizeof (req));
	req.er_op = EV_STATUS;
	CHECK(request(&req, sizeof (req), -1, &res) == 0 && res.es_subscribers == 2);
	CHECK(request(&req, sizeof (req) + 1, -1, &res) == ENOBUFS);
	CHECK(request(&req, sizeof (int) - 1, -1, &res) == ENOBUFS);
	CHECK(request(&req, sizeof (int), -1, &res) == EINVAL);

	req.er_op = EV_PUBLISH;
	(void) strcpy(req.er_text, "disk full");
	CHECK(request(&req, sizeof (req), -1, &res) == 0 && res.es_delivered == 2);
	for (got = 0; got < 20; got += n)
		CHECK((n = read(ears[0], text + got, 20 - got)) > 0);
	CHECK(strcmp(text, "disk full") == 0 && strcmp(text + 10, "disk full") == 0);

	/* Not by anybody. */
	if (fork() == 0) {
		CHECK(setuid(1000) == 0);
		CHECK(request(&req, sizeof (req), -1, &res) == EPERM && res.es_delivered == 0);
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);

	/* Who is gone does not hear. */
	CHECK(kill(listeners[0], SIGKILL) == 0);
	CHECK(waitpid(listeners[0], NULL, 0) == listeners[0]);
	CHECK(request(&req, sizeof (req), -1, &res) == 0);
	CHECK(res.es_delivered == 1 && res.es_subscribers == 1);

	CHECK(kill(daemon, SIGKILL) == 0 && kill(listeners[1], SIGKILL) == 0);
	while (wait(NULL) != -1)
		;
	CHECK(request(&req, sizeof (req), -1, &res) == EBADF);
	CHECK(fdetach(EVENT_DOOR) == 0 && unlink(EVENT_DOOR) == 0);
	return (0);
}
