/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A program whose procedure serves several doors and asks which one its thread
 * belongs to. Only bound threads can know.
 *
 * Rules: IN-1 IN-2 IF-1 IF-2 IF-3 IF-4 IF-7 TP-1
 */
#include <door.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static int doors[3];
static volatile int bound;

static void
which(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	door_info_t info;

	(void) argp, (void) arg_size, (void) dp, (void) n_desc;
	(void) memset(&info, 0xff, sizeof (info));
	if (door_info(DOOR_QUERY, &info) == -1) {
		CHECK(errno == EBADF);
		(void) door_return(NULL, 0, NULL, 0);
	}
	CHECK((void *)info.di_data == cookie);
	(void) door_return((char *)&info, sizeof (info), NULL, 0);
}

static void *
private_thread(void *arg)
{
	CHECK(door_bind(*(int *)arg) == 0);
	bound++;
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static void
make_none(door_info_t *info)
{
	CHECK(info != NULL && (info->di_attributes & DOOR_PRIVATE));
}

int
main(void)
{
	door_server_func_t *usual;
	door_info_t asked, told;
	door_arg_t arg;
	pthread_t thread;
	int i;

	usual = door_server_create(make_none);
	doors[0] = door_create(which, &doors[0], DOOR_PRIVATE | DOOR_REFUSE_DESC);
	doors[1] = door_create(which, &doors[1], DOOR_PRIVATE | DOOR_NO_CANCEL);
	CHECK(door_server_create(usual) == make_none);
	doors[2] = door_create(which, &doors[2], 0);
	CHECK(doors[0] != -1 && doors[1] != -1 && doors[2] != -1);
	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&thread, NULL, private_thread, &doors[i]) == 0);
	while (bound < 2)
		(void) usleep(1000);
	/* Nothing to grow the pools with: there is one thread each, and one caller. */
	(void) door_server_create(make_none);

	for (i = 0; i < 2; i++) {
		(void) memset(&arg, 0, sizeof (arg));
		arg.rbuf = (char *)&told;
		arg.rsize = sizeof (told);
		CHECK(door_call(doors[i], &arg) == 0);
		CHECK(arg.data_ptr == (char *)&told && arg.data_size == sizeof (told));
		CHECK(door_info(doors[i], &asked) == 0);
		CHECK(told.di_target == getpid() && asked.di_target == getpid());
		CHECK(told.di_proc == asked.di_proc);
		CHECK((door_server_procedure_t *)told.di_proc == which);
		CHECK(told.di_data == asked.di_data);
		CHECK(told.di_uniquifier == asked.di_uniquifier);
		/* The asker's view of who refers to it may differ. */
		CHECK((told.di_attributes | DOOR_IS_UNREF) == (asked.di_attributes | DOOR_IS_UNREF));
		CHECK((told.di_attributes & ~DOOR_IS_UNREF) == (door_attr_t)
		    (DOOR_PRIVATE | DOOR_LOCAL | (i == 0 ? DOOR_REFUSE_DESC : DOOR_NO_CANCEL)));
		CHECK(told.di_resv[0] == 0 && told.di_resv[3] == 0);
	}

	/* The shared pool's threads belong to no door; nor does this one. */
	(void) door_server_create(usual);
	(void) memset(&arg, 0, sizeof (arg));
	CHECK(door_call(doors[2], &arg) == 0 && arg.data_size == 0);
	CHECK_FAILS(door_info(DOOR_QUERY, &asked), EBADF);
	CHECK_FAILS(door_info(DOOR_INVAL, &asked), EBADF);
	CHECK_FAILS(door_info(-3, &asked), EBADF);
	return (0);
}
