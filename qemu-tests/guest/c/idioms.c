/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What door programs do without thinking: detaching what is no door, removing
 * and making the file anew, chmod() after fattach(), and asking a door whether
 * its server lives.
 * Rules: FA-14 FA-16 FA-21 FA-25 FA-26 IF-9
 */
#include <door.h>
#include <fcntl.h>
#include <signal.h>
#include <stropts.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const char PATH[] = "/tmp/idioms_door";

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) dp, (void) n_desc;
	CHECK(cookie == (void *)PATH);
	(void) door_return(argp, arg_size, NULL, 0);
}

static void
attach(int door)
{
	int fd;

	(void) fdetach(PATH);
	(void) unlink(PATH);
	CHECK((fd = open(PATH, O_RDWR | O_CREAT | O_EXCL, 0600)) != -1);
	(void) close(fd);
	CHECK_FAILS(fdetach(PATH), EINVAL);
	CHECK(fattach(door, PATH) == 0);
	CHECK(chmod(PATH, 0644) == 0);
}

static int
is_alive(void)
{
	door_info_t info;
	struct stat st;
	int alive, door;

	CHECK(stat(PATH, &st) == 0 && S_ISDOOR(st.st_mode));
	CHECK((door = open(PATH, O_RDONLY)) != -1);
	CHECK(fstat(door, &st) == 0 && S_ISDOOR(st.st_mode));
	CHECK(door_info(door, &info) == 0);
	alive = info.di_target != -1;
	CHECK(alive == !(info.di_attributes & DOOR_REVOKED));
	CHECK((door_call(door, NULL) == 0) == alive);
	(void) close(door);
	return (alive);
}

int
main(void)
{
	door_info_t info;
	struct stat st;
	pid_t child;
	int door, ends[2];
	char byte = 0;
	int generation;

	CHECK(pipe(ends) == 0);
	for (generation = 0; generation < 3; generation++) {
		if ((child = fork()) == 0) {
			CHECK((door = door_create(serve, (void *)PATH, 0)) != -1);
			CHECK(fstat(door, &st) == 0 && S_ISDOOR(st.st_mode));
			CHECK(door_info(door, &info) == 0);
			CHECK((door_server_procedure_t *)info.di_proc == serve);
			CHECK((char *)info.di_data == PATH);
			CHECK(info.di_target == getpid());
			CHECK(info.di_attributes & DOOR_LOCAL);
			attach(door);
			CHECK(write(ends[1], &byte, 1) == 1);
			for (;;)
				(void) pause();
		}
		CHECK(read(ends[0], &byte, 1) == 1);
		CHECK(is_alive());
		CHECK(kill(child, SIGKILL) == 0);
		CHECK(waitpid(child, NULL, 0) == child);
		CHECK(!is_alive());
	}
	CHECK(unlink(PATH) == 0);
	CHECK(stat(PATH, &st) == -1 && errno == ENOENT);
	return (0);
}
