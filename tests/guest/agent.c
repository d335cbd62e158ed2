/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What busybox cannot do in the test guest: efivarfs files are immutable and take a
 * variable in one write(2); errors are wanted by name; and one test forges a message on the
 * shared page. Statically linked into the initramfs by tools/guest-linux. Prints one line
 * per answer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "uefi/guest_page.h"
#include "uefi/mm.h"

#define EFIVARS  "/sys/firmware/efi/efivars"
#define DATA_MAX 0x40000U

static uint8_t data[4 + DATA_MAX];

static int say(const char *what, int err)
{
	printf("%s %s\n", what, err ? strerrorname_np(err) : "ok");
	return err != 0;
}

static void var_path(char path[512], const char *name)
{
	snprintf(path, 512, EFIVARS "/%s", name);
}

static void make_mutable(const char *path)
{
	int flags;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_IMMUTABLE_FL)) {
		flags &= ~FS_IMMUTABLE_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}

/* VALUE is hex:0102, text:abc, or fill:SIZE (bytes that depend on their place). */
static bool parse_value(const char *value, uint8_t *p, size_t *ret_len)
{
	size_t n = 0;

	if (strncmp(value, "text:", 5) == 0) {
		n = strlen(value + 5);
		if (n > DATA_MAX)
			return false;
		memcpy(p, value + 5, n);
	} else if (strncmp(value, "fill:", 5) == 0) {
		n = strtoul(value + 5, NULL, 0);
		if (n > DATA_MAX)
			return false;
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)(i * 7 + (i >> 8));
	} else if (strncmp(value, "hex:", 4) == 0) {
		unsigned int byte;

		for (value += 4; sscanf(value, "%2x", &byte) == 1 && n < DATA_MAX;
		     value += 2)
			p[n++] = (uint8_t)byte;
		if (*value)
			return false;
	} else {
		return false;
	}
	*ret_len = n;
	return true;
}

/* One write(2), as efivarfs wants it. A file that only this call created goes again on
 * error. */
static int cmd_set(const char *name, const char *attributes, const char *value)
{
	char path[512];
	uint32_t attr = (uint32_t)strtoul(attributes, NULL, 0);
	size_t len;
	bool existed;
	int fd;
	int err = 0;

	if (!parse_value(value, data + 4, &len))
		return say("set", EDOM);
	memcpy(data, &attr, 4);
	var_path(path, name);
	existed = access(path, F_OK) == 0;
	make_mutable(path);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		return say("set", errno);
	if (write(fd, data, 4 + len) != (ssize_t)(4 + len))
		err = errno ? errno : EIO;
	close(fd);
	if (err && !existed)
		(void)unlink(path);
	return say("set", err);
}

static int cmd_delete(const char *name)
{
	char path[512];

	var_path(path, name);
	make_mutable(path);
	return say("delete", unlink(path) ? errno : 0);
}

/* Reads a whole variable, attributes first. Return: bytes read, or -errno. */
static ssize_t read_var(const char *path)
{
	ssize_t n;
	int err;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -errno;
	n = read(fd, data, sizeof(data));
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	return n < 4 ? -EBADMSG : n;
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0U;

	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static int cmd_get(const char *name)
{
	char path[512];
	uint32_t attr;
	ssize_t n;

	var_path(path, name);
	n = read_var(path);
	if (n < 0)
		return say("get", (int)-n);
	memcpy(&attr, data, 4);
	printf("get ok attributes=%#x size=%zd crc=%08x data=", attr, n - 4,
	       crc32_of(data + 4, (size_t)n - 4));
	for (ssize_t i = 4; i < n && i < 4 + 64; i++)
		printf("%02x", data[i]);
	putchar('\n');
	return 0;
}

static int cmd_list(void)
{
	DIR *dir = opendir(EFIVARS);
	struct dirent *e;
	unsigned int bad = 0;
	unsigned int count = 0;

	if (!dir)
		return say("list", errno);
	while ((e = readdir(dir))) {
		char path[512];
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		var_path(path, e->d_name);
		n = read_var(path);
		if (n < 0)
			printf("var %s %s\n", e->d_name, strerrorname_np((int)-n));
		else
			printf("var %s size=%zd\n", e->d_name, n - 4);
		bad += n < 0;
		count++;
	}
	closedir(dir);
	printf("list ok count=%u unreadable=%u\n", count, bad);
	return bad != 0;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int cmd_time(const char *name, const char *times)
{
	char path[512];
	unsigned long n = strtoul(times, NULL, 0);
	double start = seconds();

	var_path(path, name);
	for (unsigned long i = 0; i < n; i++) {
		ssize_t got = read_var(path);

		if (got < 0)
			return say("time", (int)-got);
	}
	printf("time ok count=%lu microseconds=%.1f\n", n,
	       n ? (seconds() - start) * 1e6 / (double)n : 0.0);
	return 0;
}

/* Return: a mapping of the ivshmem device's resource, or NULL. */
static volatile uint8_t *map_bar(const char *bar, size_t len)
{
	static const char devices[] = "/sys/bus/pci/devices";
	DIR *dir = opendir(devices);
	struct dirent *e;
	void *p = MAP_FAILED;

	if (!dir)
		return NULL;
	while ((e = readdir(dir))) {
		char path[512];
		char text[16] = "";
		int fd;

		snprintf(path, sizeof(path), "%s/%s/modalias", devices, e->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		/* pci:v00001AF4d00001110… */
		if (pread(fd, text, 9, 4) != 9 || strcmp(text, "v00001AF4") != 0 ||
		    pread(fd, text, 9, 13) != 9 || strcmp(text, "d00001110") != 0) {
			close(fd);
			continue;
		}
		close(fd);
		snprintf(path, sizeof(path), "%s/%s/%s", devices, e->d_name, bar);
		fd = open(path, O_RDWR);
		if (fd < 0)
			break;
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		break;
	}
	closedir(dir);
	return p == MAP_FAILED ? NULL : p;
}

static uint32_t page_read(volatile uint8_t *page, size_t off)
{
	return *(volatile uint32_t *)(page + off);
}

static void page_write(volatile uint8_t *page, size_t off, uint32_t value)
{
	*(volatile uint32_t *)(page + off) = value;
}

/* Spoils the host's header, which the next boot's driver looks for. */
static int cmd_spoil(void)
{
	volatile uint8_t *page = map_bar("resource2", GUEST_PAGE_SHM_SIZE);

	if (!page)
		return say("spoil", errno ? errno : ENODEV);
	for (size_t i = 0; i < sizeof(struct guest_page_host); i += 4)
		page_write(page, GUEST_PAGE_HOST + i, 0x55555555);
	return say("spoil", 0);
}

/* Says INIT to the host as only the firmware may, and prints what the host thinks of it. */
static int cmd_forge(void)
{
	static const EFI_GUID guid = RUNTSERV_GUEST_DRIVER_GUID;
	struct {
		EFI_MM_COMMUNICATE_HEADER mm;
		SMM_VARIABLE_COMMUNICATE_HEADER head;
		struct guest_driver_init init;
	} msg = {{guid, sizeof(msg.head) + sizeof(msg.init)},
		 {GUEST_DRIVER_INIT, 0},
		 {GUEST_DRIVER_VERSION, 0}};
	volatile uint8_t *page = map_bar("resource2", GUEST_PAGE_SHM_SIZE);
	uint32_t seq;
	uint64_t magic;
	uint64_t status = 0;

	if (!page)
		return say("forge", errno ? errno : ENODEV);
	magic = page_read(page, 0) | (uint64_t)page_read(page, 4) << 32;
	if (magic != GUEST_PAGE_MAGIC)
		return say("forge", EBADMSG);
	for (size_t i = 0; i < sizeof(msg); i += 4) {
		uint32_t word;

		memcpy(&word, (const uint8_t *)&msg + i, 4);
		page_write(page, GUEST_PAGE_BUFFER + i, word);
	}
	/* Deny that ExitBootServices ever happened. */
	page_write(page, GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, flags), 0);
	page_write(page, GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, length),
		   sizeof(msg));
	seq = page_read(page, GUEST_PAGE_ANSWER) + 1;
	__sync_synchronize();
	page_write(page, GUEST_PAGE_GUEST, seq);
	__sync_synchronize();
	if (page_read(page, offsetof(struct guest_page_host, flags)) &
	    GUEST_PAGE_HOST_DOORBELL) {
		volatile uint8_t *regs = map_bar("resource0", 256);

		if (!regs)
			return say("forge", errno ? errno : ENODEV);
		page_write(regs, IVSHMEM_REG_DOORBELL,
			   page_read(page, offsetof(struct guest_page_host, doorbell)));
	}
	for (double end = seconds() + 5; page_read(page, GUEST_PAGE_ANSWER) != seq;)
		if (seconds() > end)
			return say("forge", ETIMEDOUT);
	for (size_t i = 0; i < 8; i += 4)
		status |= (uint64_t)page_read(page, GUEST_PAGE_BUFFER + 24 + 8 + i)
			  << (8 * i);
	printf("forge ok device=%#x status=%#llx\n",
	       page_read(page,
			 GUEST_PAGE_ANSWER + offsetof(struct guest_page_answer, status)),
	       (unsigned long long)status);
	/* Give the kernel its flag back; what follows in the test is ordinary use. */
	page_write(page, GUEST_PAGE_GUEST + offsetof(struct guest_page_guest, flags),
		   GUEST_PAGE_GUEST_RUNTIME);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "set") == 0 && argc == 5)
		return cmd_set(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "get") == 0 && argc == 3)
		return cmd_get(argv[2]);
	if (strcmp(verb, "delete") == 0 && argc == 3)
		return cmd_delete(argv[2]);
	if (strcmp(verb, "list") == 0 && argc == 2)
		return cmd_list();
	if (strcmp(verb, "time") == 0 && argc == 4)
		return cmd_time(argv[2], argv[3]);
	if (strcmp(verb, "spoil") == 0 && argc == 2)
		return cmd_spoil();
	if (strcmp(verb, "forge") == 0 && argc == 2)
		return cmd_forge();
	fprintf(stderr,
		"usage: agent set NAME ATTRIBUTES hex:..|text:..|fill:SIZE | get NAME | "
		"delete NAME | list | time NAME TIMES | spoil | forge\n");
	return 2;
}
