/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <ucred.h> without a door: credentials of processes and of peers.  As root
 * with ids that all differ and as many groups as there may be, else with what
 * there is.
 */
#ifndef _GNU_SOURCE
#define	_GNU_SOURCE
#endif
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ucred.h>

#define CHECK(condition) do { if (!(condition)) return (__LINE__); } while (0)

static int
check_own(const ucred_t *uc)
{
	static gid_t expected[65536];
	const gid_t *groups;
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	int n = getgroups(65536, expected);

	CHECK(getresuid(&ruid, &euid, &suid) == 0 && getresgid(&rgid, &egid, &sgid) == 0);
	CHECK(ucred_getpid(uc) == getpid());
	CHECK(ucred_getruid(uc) == ruid);
	CHECK(ucred_geteuid(uc) == euid);
	CHECK(ucred_getsuid(uc) == suid);
	CHECK(ucred_getrgid(uc) == rgid);
	CHECK(ucred_getegid(uc) == egid);
	CHECK(ucred_getsgid(uc) == sgid);
	CHECK(ucred_getgroups(uc, &groups) == n);
	CHECK(memcmp(groups, expected, n * sizeof (gid_t)) == 0);
	CHECK(ucred_getzoneid(uc) == 0);
	CHECK(ucred_getpflags(uc, PRIV_AWARE) == 0);
	CHECK(ucred_getpflags(uc, 0) == (uint_t)-1 && errno == EINVAL);
	errno = 0;
	CHECK(ucred_getprojid(uc) == -1 && errno == EINVAL);
	return (0);
}

int
main(void)
{
	gid_t many[1100];
	const gid_t *groups;
	ucred_t *uc, *same;
	pid_t child;
	int ends[2], status, i;

	/* With ids that differ, if we may. */
	if (getuid() == 0) {
		for (i = 0; i < 1100; i++)
			many[i] = 100000 + i;
		CHECK(setgroups(1024, many) == 0);
		CHECK(setresgid(11, 12, 13) == 0);
		CHECK(setresuid(1, 0, 3) == 0);
	}

	CHECK((uc = ucred_get(P_MYID)) != NULL);
	status = check_own(uc);
	CHECK(status == 0);
	ucred_free(uc);
	CHECK((uc = ucred_get(getpid())) != NULL);
	status = check_own(uc);
	CHECK(status == 0);
	ucred_free(uc);

	/* Somebody else, and nobody. */
	CHECK(pipe(ends) == 0);
	CHECK((child = fork()) != -1);
	if (child == 0) {
		char byte;
		(void) close(ends[1]);
		_exit((int)read(ends[0], &byte, 1));
	}
	CHECK((uc = ucred_get(child)) != NULL);
	CHECK(ucred_getpid(uc) == child && ucred_geteuid(uc) == geteuid());
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(ucred_get(child) == NULL && errno == ESRCH);
	CHECK(ucred_get(0) == NULL && errno == ESRCH);
	CHECK(ucred_get(-2) == NULL && errno == ESRCH);

	/* At the other end of a socket; reusing what was allocated. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	same = uc;
	CHECK(getpeerucred(ends[0], &uc) == 0 && uc == same);
	CHECK(ucred_getpid(uc) == getpid());
	CHECK(ucred_geteuid(uc) == geteuid() && ucred_getegid(uc) == getegid());
	CHECK(ucred_getgroups(uc, &groups) == getgroups(0, NULL));
	CHECK(getuid() != 1 || groups[1023] == 101023);
	errno = 0;
	CHECK(ucred_getruid(uc) == (uid_t)-1 && errno == EINVAL);
	(void) close(ends[0]);
	CHECK(getpeerucred(ends[0], &uc) == -1 && errno == EBADF);
	CHECK(uc == same && ucred_getpid(uc) == getpid());
	(void) close(ends[1]);
	ucred_free(uc);

	uc = NULL;
	CHECK(pipe(ends) == 0);
	CHECK(getpeerucred(ends[0], &uc) == -1 && errno == EINVAL);
	CHECK((ends[0] = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	CHECK(getpeerucred(ends[0], &uc) == -1 && errno == ENOTCONN);
	if ((ends[1] = socket(AF_INET, SOCK_STREAM, 0)) != -1)
		CHECK(getpeerucred(ends[1], &uc) == -1 && errno == ENOTSUP);
	CHECK(uc == NULL);

	/* More groups than there is room for; memory of the program's own. */
	CHECK((uc = (ucred_t *)calloc(1, ucred_size())) != NULL);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	CHECK(getpeerucred(ends[0], &uc) == 0 && ucred_getpid(uc) == getpid());
	if (getuid() == 1) {
		CHECK(setgroups(1100, many) == 0);
		CHECK(ucred_get(P_MYID) == NULL && errno == ENOMEM);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
		CHECK(getpeerucred(ends[0], &uc) == -1 && errno == ENOMEM);
		CHECK(ucred_getgroups(uc, &groups) == 1024 && groups[0] == 100000);
	}
	free(uc);
	ucred_free(NULL);
	return (0);
}
