/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Leaves a message with the system log.
 *
 *	logmsg text
 */
#include <sys/types.h>
#include <door.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define	LOG_DOOR	"/var/run/log_door"

int
main(int argc, char *argv[])
{
	door_arg_t arg;
	int door;

	if (argc != 2) {
		(void) fprintf(stderr, "usage: logmsg text\n");
		return (2);
	}
	if ((door = open(LOG_DOOR, O_RDONLY)) == -1) {
		perror("logmsg: " LOG_DOOR);
		return (1);
	}
	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = argv[1];
	arg.data_size = strlen(argv[1]);
	if (door_call(door, &arg) == -1) {
		perror("logmsg: door_call");
		return (1);
	}
	return (0);
}
