/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many programs declare the last argument of a procedure as size_t: all 64
 * bits of it are defined.  The stack is aligned as for any function.
 * Rules: DA-10 DA-11
 */
#include <door.h>
#include <stdint.h>

#include "check.h"

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, size_t n_desc)
{
	_Alignas(16) char aligned[16];
	long double number = 1.5L;
	char text[32];

	(void) cookie, (void) argp, (void) arg_size, (void) dp;
	CHECK(n_desc == 0);
	CHECK((uintptr_t)aligned % 16 == 0);
	(void) snprintf(text, sizeof (text), "%.1Lf %.1f", number, 2.5);
	CHECK(strcmp(text, "1.5 2.5") == 0);
	(void) door_return((char *)&n_desc, sizeof (n_desc), NULL, 0);
}

int
main(void)
{
	door_arg_t params;
	char data[100];
	int door;
	size_t i, n;

	door = door_create((door_server_procedure_t *)(void *)serve, NULL, 0);
	CHECK(door != -1);
	for (i = 0; i < sizeof (data); i++) {
		(void) memset(&params, 0, sizeof (params));
		params.data_ptr = data;
		params.data_size = i;
		params.rbuf = (char *)&n;
		params.rsize = sizeof (n);
		n = 1;
		CHECK(door_call(door, &params) == 0);
		CHECK(n == 0);
	}
	return (0);
}
