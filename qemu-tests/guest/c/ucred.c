/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who calls: door_ucred() and door_cred().
 *
 * Rules: UC-1 UC-2 UC-4 UC-5 UC-6 IF-12 SI-10
 */
#define	_GNU_SOURCE
#include <alloca.h>
#include <door.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define	GROUPS	3

struct reply {
	int cred, cred_errno, ucred, ucred_errno;
	door_cred_t old;
	pid_t pid;
	uid_t euid, ruid, suid;
	gid_t egid, rgid, sgid;
	int ngroups;
	gid_t groups[GROUPS];
};

static int door, inner;
static volatile int gone;
static int marks[2];

static void
look(struct reply *reply)
{
	static __thread ucred_t *reused;
	const gid_t *groups;
	ucred_t *uc = NULL, *own, *before;

	(void) memset(reply, 0, sizeof (*reply));
	(void) memset(&reply->old, 0x55, sizeof (reply->old));
	reply->cred = door_cred(&reply->old);
	reply->cred_errno = errno;
	reply->ucred = door_ucred(&uc);
	reply->ucred_errno = errno;
	CHECK((reply->ucred == 0) == (uc != NULL));

	/* What there is, is used again, and on failure is left as it was. */
	before = reused;
	CHECK(door_ucred(&reused) == reply->ucred);
	CHECK(before == NULL || before == reused);
	own = alloca(ucred_size());
	before = own;
	CHECK(door_ucred(&own) == reply->ucred && own == before);
	if (uc == NULL)
		return;
	CHECK(ucred_getpid(own) == ucred_getpid(uc));
	CHECK(ucred_getsgid(reused) == ucred_getsgid(uc));

	reply->pid = ucred_getpid(uc);
	reply->euid = ucred_geteuid(uc);
	reply->ruid = ucred_getruid(uc);
	reply->suid = ucred_getsuid(uc);
	reply->egid = ucred_getegid(uc);
	reply->rgid = ucred_getrgid(uc);
	reply->sgid = ucred_getsgid(uc);
	reply->ngroups = ucred_getgroups(uc, &groups);
	if (reply->ngroups <= GROUPS)
		(void) memcpy(reply->groups, groups, reply->ngroups * sizeof (gid_t));
	CHECK(ucred_getzoneid(uc) == 0);
	ucred_free(uc);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	struct reply reply, nested;
	door_arg_t arg;
	char large[1024];

	(void) memset(&reply, 0, sizeof (reply));
	(void) cookie, (void) dp, (void) n_desc;
	if (arg_size == 0 || *argp != 'g')
		look(&reply);
	switch (arg_size == 0 ? 0 : *argp) {
	case 'n':
		/* A call of our own does not change who called; there, it is we. */
		(void) memset(&arg, 0, sizeof (arg));
		arg.rbuf = (char *)&nested;
		arg.rsize = sizeof (nested);
		CHECK(door_call(inner, &arg) == 0);
		CHECK(nested.pid == getpid() && nested.ruid == getuid());
		look(&reply);
		break;
	case 'f':
		/* Nor does a reply that could not be given. */
		CHECK_FAILS(door_return(large, sizeof (large), (door_desc_t *)8, 1), EFAULT);
		look(&reply);
		break;
	case 'g':
		/* More groups than a ucred_t holds; what there was is left as it was. */
		{
			ucred_t *uc = NULL, *kept = ucred_get(P_MYID), *same = kept;
			const gid_t *groups;

			CHECK(kept != NULL && ucred_getgroups(kept, &groups) == 0);
			CHECK_FAILS(door_ucred(&uc), ENOMEM);
			CHECK_FAILS(door_ucred(&same), ENOMEM);
			CHECK(uc == NULL && same == kept);
			CHECK(ucred_getpid(kept) == getpid() && ucred_getgroups(kept, &groups) == 0);
			ucred_free(kept);
			CHECK_FAILS(door_ucred(NULL), EFAULT);
		}
		break;
	case 'k':
		CHECK(write(marks[1], "", 1) == 1);
		/* The client will be killed: then nobody calls. */
		while (door_cred(&reply.old) == 0)
			(void) usleep(1000);
		CHECK(errno == EINVAL);
		look(&reply);
		CHECK(reply.cred == -1 && reply.cred_errno == EINVAL);
		CHECK(reply.ucred == -1 && reply.ucred_errno == EINVAL);
		gone = 1;
		break;
	}
	(void) door_return((char *)&reply, sizeof (reply), NULL, 0);
}

static void
inner_serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	struct reply reply;

	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	look(&reply);
	(void) door_return((char *)&reply, sizeof (reply), NULL, 0);
}

static void
call(const char *request, struct reply *reply)
{
	door_arg_t arg;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = (char *)request;
	arg.data_size = strlen(request);
	arg.rbuf = (char *)reply;
	arg.rsize = sizeof (*reply);
	CHECK(door_call(door, &arg) == 0);
	CHECK(arg.rbuf == (char *)reply && arg.data_size == sizeof (*reply));
	CHECK(reply->cred == 0 && reply->ucred == 0);
}

/* Everything as in the calling process. */
static void
is_me(const struct reply *reply)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid, groups[GROUPS];

	CHECK(getresuid(&ruid, &euid, &suid) == 0 && getresgid(&rgid, &egid, &sgid) == 0);
	CHECK(reply->pid == getpid());
	CHECK(reply->euid == euid && reply->ruid == ruid && reply->suid == suid);
	CHECK(reply->egid == egid && reply->rgid == rgid && reply->sgid == sgid);
	CHECK(reply->ngroups == getgroups(GROUPS, groups));
	CHECK(memcmp(reply->groups, groups, reply->ngroups * sizeof (gid_t)) == 0);
	CHECK(reply->old.dc_pid == getpid());
	CHECK(reply->old.dc_euid == euid && reply->old.dc_ruid == ruid);
	CHECK(reply->old.dc_egid == egid && reply->old.dc_rgid == rgid);
	CHECK(reply->old.dc_resv[0] == 0x55555555 && reply->old.dc_resv[3] == 0x55555555);
}

static void
clients(void)
{
	static const gid_t groups[GROUPS] = { 3001, 3002, 3003 };
	static gid_t many[1025];
	struct reply reply;
	int i;

	for (i = 0; i < 1025; i++)
		many[i] = 5000 + i;
	CHECK(setgroups(1025, many) == 0);
	call("g", &reply);
	CHECK(setgroups(0, NULL) == 0);

	call("", &reply);
	is_me(&reply);
	/* Ids that all differ: those at the call, not those at the door's making. */
	CHECK(setgroups(GROUPS, groups) == 0);
	CHECK(setresgid(2001, 2002, 2003) == 0);
	CHECK(setresuid(1001, 1002, 1003) == 0);
	call("", &reply);
	is_me(&reply);
	CHECK(reply.ngroups == GROUPS && reply.suid == 1003);
	call("n", &reply);
	is_me(&reply);
	call("f", &reply);
	is_me(&reply);
	_exit(0);
}

int
main(void)
{
	struct reply reply;
	ucred_t *uc = NULL;
	door_cred_t cred;
	pid_t child;
	int status;
	char byte;

	CHECK(pipe(marks) == 0);
	/* Nobody calls this thread. */
	CHECK_FAILS(door_ucred(&uc), EINVAL);
	CHECK(uc == NULL);
	CHECK_FAILS(door_cred(&cred), EINVAL);

	CHECK((door = door_create(serve, NULL, DOOR_NO_CANCEL)) != -1);
	CHECK((inner = door_create(inner_serve, NULL, DOOR_NO_CANCEL)) != -1);
	call("", &reply);
	is_me(&reply);

	(void) fflush(stderr);
	if ((child = fork()) == 0)
		clients();
	CHECK(waitpid(child, &status, 0) == child && status == 0);

	if ((child = fork()) == 0) {
		call("k", &reply);
		_exit(1);
	}
	CHECK(read(marks[0], &byte, 1) == 1);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	while (!gone)
		(void) usleep(1000);

	/* And it serves others as before. */
	call("", &reply);
	is_me(&reply);
	return (0);
}
