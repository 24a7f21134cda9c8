/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A system log behind a door: whoever calls leaves a message in a queue and
 * goes on at once; one thread writes the queue out.
 *
 *	logd file
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <door.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stropts.h>
#include <unistd.h>

#define	LOG_DOOR	"/var/run/log_door"

typedef struct message {
	struct message	*m_next;
	char		m_text[1];
} message_t;

static pthread_mutex_t	queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t	queue_filled = PTHREAD_COND_INITIALIZER;
static message_t	*queue_head;
static message_t	**queue_tail = &queue_head;

/* The server procedure: as short as can be, because somebody waits for it. */
static void
enqueue(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	message_t *m;

	(void) cookie, (void) dp, (void) n_desc;
	if (argp == NULL || (m = malloc(sizeof (*m) + arg_size)) == NULL)
		(void) door_return(NULL, 0, NULL, 0);
	m->m_next = NULL;
	(void) memcpy(m->m_text, argp, arg_size);
	m->m_text[arg_size] = '\0';

	(void) pthread_mutex_lock(&queue_lock);
	*queue_tail = m;
	queue_tail = &m->m_next;
	(void) pthread_cond_signal(&queue_filled);
	(void) pthread_mutex_unlock(&queue_lock);

	(void) door_return(NULL, 0, NULL, 0);
}

static message_t *
dequeue(void)
{
	message_t *m;

	(void) pthread_mutex_lock(&queue_lock);
	while (queue_head == NULL)
		(void) pthread_cond_wait(&queue_filled, &queue_lock);
	m = queue_head;
	if ((queue_head = m->m_next) == NULL)
		queue_tail = &queue_head;
	(void) pthread_mutex_unlock(&queue_lock);
	return (m);
}

int
main(int argc, char *argv[])
{
	message_t *m;
	FILE *log;
	int did, fd;

	if (argc != 2 || (log = fopen(argv[1], "a")) == NULL) {
		(void) fprintf(stderr, "usage: logd file\n");
		return (2);
	}
	if ((fd = open(LOG_DOOR, O_RDWR | O_CREAT, 0666)) == -1) {
		perror("logd: " LOG_DOOR);
		return (1);
	}
	(void) close(fd);
	(void) fdetach(LOG_DOOR);
	if ((did = door_create(enqueue, NULL, DOOR_REFUSE_DESC)) == -1 ||
	    fattach(did, LOG_DOOR) == -1) {
		perror("logd");
		return (1);
	}
	for (;;) {
		m = dequeue();
		(void) fprintf(log, "%s\n", m->m_text);
		(void) fflush(log);
		free(m);
	}
	/* NOTREACHED */
}
