/* SPDX-License-Identifier: BSD-2-Clause */
/* The progress bar. Whoever comes while another thread draws does not wait for it. */
#include "cli/scan_progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/os_clock.h"

#define SECOND  1000000000ULL
#define QUIET   (SECOND / 2)  /* nothing is said before, nor */
#define SHORT   (2 * SECOND)  /* when all of it will take less than this */
#define BETWEEN (SECOND / 10) /* two drawings */
#define BAR     20U
#define MIB     1048576.0

void scan_progress_begin(struct scan_progress *p, const char *what, bool wanted)
{
	*p = (struct scan_progress){.fd = wanted && isatty(STDERR_FILENO) ? STDERR_FILENO
									  : -1,
				    .what = what,
				    .begun = os_now_ns()};
	p->next = p->begun + QUIET;
	pthread_mutex_init(&p->lock, NULL);
}

static unsigned columns(int fd)
{
	struct winsize w = {0};

	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col != 0 ? w.ws_col : 80;
}

/* One line that is not longer than the terminal is wide, or the next drawing would not meet
 * it. */
static void draw(struct scan_progress *p, uint64_t now, uint64_t total)
{
	const double seconds = (double)(now - p->begun) / (double)SECOND;
	const double rate = (double)p->done / seconds;
	const double left = rate > 0 ? (double)(total - p->done) / rate : 0;
	const unsigned filled = (unsigned)((double)p->done / (double)total * BAR);
	char text[160];
	int n;

	if (rate <= 0 || (!p->drawn && seconds + left < (double)SHORT / (double)SECOND))
		return;
	n = snprintf(text, sizeof text,
		     "\r\033[K%s [%.*s%*s] %.0f of %.0f MiB, %.0f MiB/s, %u:%02u left",
		     p->what, (int)filled, "####################", (int)(BAR - filled), "",
		     (double)p->done / MIB, (double)total / MIB, rate / MIB,
		     (unsigned)left / 60, (unsigned)left % 60);
	if (n < 0)
		return;
	if ((unsigned)n > columns(p->fd) + 3)
		n = (int)columns(p->fd) +
		    3; /* the four that move the cursor, and the last column */
	if ((size_t)n >= sizeof text)
		n = sizeof text - 1;
	(void)!write(p->fd, text, (size_t)n);
	p->drawn = true;
}

bool scan_progress_show(void *ctx, uint64_t done, uint64_t total)
{
	struct scan_progress *p = ctx;
	const uint64_t now = p->fd >= 0 ? os_now_ns() : 0;

	if (p->fd < 0 || pthread_mutex_trylock(&p->lock) != 0)
		return true;
	/* threads may come out of order */
	if (done > p->done)
		p->done = done;
	if (now >= p->next && total > 0 && p->done <= total) {
		p->next = now + BETWEEN;
		draw(p, now, total);
	}
	pthread_mutex_unlock(&p->lock);
	return true;
}

void scan_progress_end(struct scan_progress *p)
{
	if (p->drawn)
		(void)!write(p->fd, "\r\033[K", 4);
	pthread_mutex_destroy(&p->lock);
	p->fd = -1;
	p->drawn = false;
}
