/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images for scripts.
 *
 * usage: dump_cat show IMAGE               what the image says of itself, and its ranges
 *        dump_cat compare IMAGE IMAGE      all that both have, byte by byte; 1: it differs
 *        dump_cat walk IMAGE               the identity mapping of the first processor
 *        dump_cat rate IMAGE               how fast all of it can be had
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtserv/dump.h"

#define BUF_LEN (2U << 20)
#define LA57    (1U << 12)

static uint8_t buf[2][BUF_LEN];

static struct rts_dump *open_image(const char *path)
{
	struct rts_dump *dump = NULL;
	struct diag d = {0};
	struct stat st;
	void *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(path);
		exit(2);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	if (rts_dump_open((struct bytes){p, (size_t)st.st_size}, (struct bytes){0}, &d,
			  &dump) != EFI_SUCCESS) {
		fprintf(stderr, "%s: %s\n", path, d.text);
		exit(2);
	}
	return dump;
}

static int show(struct rts_dump *dump)
{
	const struct rts_dump_info *info = rts_dump_info(dump);

	printf("format %s\nmachine %s\nbytes %llu\n", rts_dump_format_name(info->format),
	       info->machine[0] != 0 ? info->machine : "-",
	       (unsigned long long)info->bytes);
	printf("problem %s\n", info->problem != NULL ? info->problem : "-");
	for (unsigned i = 0; i < info->cpu_count; i++)
		printf("cpu cr3=%#llx cr4=%#llx\n", (unsigned long long)info->cpu[i].cr3,
		       (unsigned long long)info->cpu[i].cr4);
	for (size_t i = 0; i < rts_dump_range_count(dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(dump, i);

		printf("range %#llx %#llx", (unsigned long long)r->start,
		       (unsigned long long)r->len);
		if (r->has_virtual)
			printf(" %#llx", (unsigned long long)r->virtual_start);
		putchar('\n');
	}
	return 0;
}

/* By views of the one and by reading the other, so that both are tried. */
static int compare(struct rts_dump *a, struct rts_dump *b)
{
	unsigned long long same = 0, unreadable = 0;

	for (size_t i = 0; i < rts_dump_range_count(a); i++) {
		const struct rts_dump_range *r = rts_dump_range(a, i), *other;
		uint64_t at = r->start, end = r->start + r->len;

		while (at < end) {
			struct bytes view = rts_dump_view(a, at, buf[0], BUF_LEN);
			size_t n = view.n < BUF_LEN ? view.n : BUF_LEN;

			other = rts_dump_range(b, rts_dump_range_find(b, at));
			if (other == NULL)
				break;
			if (at < other->start) {
				at = other->start;
				continue;
			}
			n = rts_dump_read(b, at, buf[1], n);
			if (memcmp(view.p, buf[1], n) != 0) {
				printf("differs at or behind %#llx\n",
				       (unsigned long long)at);
				return 1;
			}
			same += n;
			unreadable += n == 0 ? 4096 : 0;
			at = n == 0 ? (at | 0xfff) + 1 : at + n;
		}
	}
	printf("same %llu\nunreadable %llu\n", same, unreadable);
	return unreadable != 0;
}

/* Firmware maps memory at its own address: how many pages say so. */
static int walk(struct rts_dump *dump)
{
	const struct rts_dump_info *info = rts_dump_info(dump);
	unsigned long long mapped = 0, other = 0;
	uint64_t step;

	if (info->cpu_count == 0)
		return 1;
	for (uint64_t va = 0; va < info->end; va += step) {
		struct rts_dump_page page;
		EFI_STATUS status =
			rts_dump_walk(dump, info->cpu[0].cr3,
				      (info->cpu[0].cr4 & LA57) != 0 ? 5 : 4, va, &page);

		step = status == EFI_SUCCESS ? page.page_len : 4096;
		if (status == EFI_SUCCESS && page.physical == va)
			mapped += step;
		else
			other += step;
	}
	printf("identity %llu\nother %llu\n", mapped, other);
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int rate(struct rts_dump *dump)
{
	unsigned long long total = 0, views = 0, sum = 0;
	double start = seconds(), took;

	for (size_t i = 0; i < rts_dump_range_count(dump); i++) {
		const struct rts_dump_range *r = rts_dump_range(dump, i);
		uint64_t at = r->start, end = r->start + r->len;

		while (at < end) {
			struct bytes view = rts_dump_view(dump, at, buf[0], BUF_LEN);

			views++;
			at += view.n != 0 ? view.n : 4096;
			total += view.n;
			for (size_t k = 0; k < view.n; k += 4096)
				sum += view.p[k];
		}
	}
	took = seconds() - start;
	printf("%llu bytes in %llu views, %.3f s, %.0f MB/s (%llu)\n", total, views, took,
	       (double)total / took / 1e6, sum);
	return 0;
}

int main(int argc, char **argv)
{
	struct rts_dump *a, *b = NULL;
	int rc = 2;

	if (argc != (argc > 1 && strcmp(argv[1], "compare") == 0 ? 4 : 3)) {
		fputs("usage: dump_cat show|walk|rate IMAGE, dump_cat compare IMAGE "
		      "IMAGE\n",
		      stderr);
		return 2;
	}
	a = open_image(argv[2]);
	if (argc == 4)
		b = open_image(argv[3]);
	if (strcmp(argv[1], "show") == 0)
		rc = show(a);
	else if (strcmp(argv[1], "compare") == 0)
		rc = compare(a, b);
	else if (strcmp(argv[1], "walk") == 0)
		rc = walk(a);
	else if (strcmp(argv[1], "rate") == 0)
		rc = rate(a);
	rts_dump_free(a);
	rts_dump_free(b);
	return rc;
}
