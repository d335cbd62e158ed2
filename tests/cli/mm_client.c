/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of the MM socket for shell tests.
 * usage: mm_client SOCKET set NAME TEXT | setv NAME TEXT | get NAME | fill NAME BYTES |
 * reset Prints the value, or the EFI_STATUS in hex and exits 1; 2: no answer.
 */
#include "../mm_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const EFI_GUID ns = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}};

static int trouble(const char *what)
{
	perror(what);
	return 2;
}

int main(int argc, char **argv)
{
	static struct mm m;
	static char fill[65536];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	uint32_t frame[2] = {2, 0};
	CHAR16 name[64] = {0};
	const char *verb = argc > 2 ? argv[2] : "", *value = argc > 4 ? argv[4] : "";
	size_t name_len = argc > 3 ? strlen(argv[3]) : 0, value_len = strlen(value);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 3 || name_len > 62 || strlen(argv[1]) >= sizeof a.sun_path)
		return 2;
	for (size_t i = 0; i < name_len; i++)
		name[i] = (unsigned char)argv[3][i];
	name_len = (name_len + 1) * 2;
	if (strcmp(verb, "fill") == 0) {
		value_len = strtoul(value, NULL, 10) % sizeof fill;
		memset(fill, 'x', value_len);
		value = fill;
	}
	if (strcmp(verb, "reset") == 0)
		frame[0] = 0x100;
	else if (strcmp(verb, "get") == 0)
		mm_access(&m, SMM_VARIABLE_FUNCTION_GET_VARIABLE, &ns, name, name_len, 0,
			  NULL, 1000);
	else
		mm_access(&m, SMM_VARIABLE_FUNCTION_SET_VARIABLE, &ns, name, name_len,
			  strcmp(verb, "setv") == 0 ? 6 : 7, value, value_len);
	frame[1] = (uint32_t)m.len;
	strcpy(a.sun_path, argv[1]);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return trouble(argv[1]);
	if (send(fd, frame, sizeof frame, MSG_NOSIGNAL) < 0 ||
	    send(fd, m.buf, m.len, MSG_NOSIGNAL) < 0 ||
	    recv(fd, frame, sizeof frame, MSG_WAITALL) != sizeof frame ||
	    (frame[1] > 0 && recv(fd, m.buf, frame[1], MSG_WAITALL) != (ssize_t)frame[1]))
		return trouble("no answer");
	if (frame[0] != 0) {
		printf("device status %#x\n", frame[0]);
		return 1;
	}
	if (frame[1] > 0 && mm_status(&m) != EFI_SUCCESS) {
		printf("%#llx\n", (unsigned long long)mm_status(&m));
		return 1;
	}
	if (strcmp(verb, "get") == 0) {
		memcpy(&value_len, m.buf + MM_PAYLOAD + 16, sizeof value_len);
		printf("%.*s\n", (int)value_len,
		       (const char *)m.buf + MM_PAYLOAD + SMM_ACCESS_VARIABLE_NAME +
			       name_len);
	}
	return 0;
}
