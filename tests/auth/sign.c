/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For scripts: makes keys, then signs writes.
 *
 * usage: sign FOLDER    for each key of the table, writes FOLDER/NAME.der and
 * FOLDER/NAME.pem
 *
 * Then, line by line from stdin: SIGNER MORE HOW NAME GUID ATTRIBUTES TIME PAYLOAD. SIGNER
 * is a key, or - for a descriptor without signature; MORE are keys whose certificates are
 * in the message, or -; HOW words, or -; lists have commas. NAME is UCS-2 without its NUL,
 * and it, GUID, TIME and PAYLOAD are raw bytes in hex, - for none. The answer is a line
 * with what SetVariable() is given, in hex.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

static const struct {
	const char *name, *common_name, *issuer;
	enum kind kind;
} table[] = {
	{"pk", "PK", NULL, RSA_2048},
	{"pk2", "PK", NULL, RSA_2048}, /* of the same name */
	{"below", "below PK", "pk", RSA_2048},
	{"kek", "KEK", NULL, RSA_2048},
	{"kek2", "KEK two", NULL, RSA_3072},
	{"ca", "authority", NULL, RSA_2048},
	{"middle", "middle", "ca", RSA_2048},
	{"leaf", "leaf", "middle", RSA_2048},
	{"stranger", "stranger", NULL, RSA_2048},
	{"curve", "curve", NULL, EC_P256},
};
#define COUNT (sizeof table / sizeof *table)

static struct key *keys[COUNT];

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sign: %s\n", what);
	exit(1);
}

static struct key *key_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < COUNT; i++)
		if (strcmp(name, table[i].name) == 0)
			return keys[i];
	need(name == NULL, name);
	return NULL;
}

static void make_keys(const char *folder)
{
	char path[4096];

	for (size_t i = 0; i < COUNT; i++) {
		FILE *f;

		keys[i] = key_new(&(struct key_options){.common_name = table[i].common_name,
							.kind = table[i].kind,
							.issuer = key_of(table[i].issuer),
							.serial = (long)i + 1});
		snprintf(path, sizeof path, "%s/%s.pem", folder, table[i].name);
		key_save(keys[i], path);
		snprintf(path, sizeof path, "%s/%s.der", folder, table[i].name);
		f = fopen(path, "w");
		need(f != NULL && fwrite(keys[i]->der, keys[i]->len, 1, f) == 1 &&
			     fclose(f) == 0,
		     path);
	}
}

/* The next word of *at, as bytes. */
static struct blob hex_word(char **at)
{
	const char *word = strsep(at, " ");
	struct blob b = {0};
	unsigned byte;

	need(word != NULL, "a line is too short");
	if (strcmp(word, "-") == 0)
		return b;
	for (; *word != 0; word += 2) {
		need(sscanf(word, "%2x", &byte) == 1, word);
		blob_put(&b, &(uint8_t){(uint8_t)byte}, 1);
	}
	return b;
}

static void how(struct sign *s, const char *word)
{
	if (strcmp(word, "info") == 0)
		s->with_content_info = true;
	else if (strcmp(word, "attributes") == 0)
		s->with_attributes = true;
	else if (strcmp(word, "content") == 0)
		s->with_content = true;
	else if (strcmp(word, "first") == 0)
		s->more_first = true;
	else if (strcmp(word, "bare") == 0)
		s->without_cert = true;
	else if (strncmp(word, "with=", 5) == 0)
		s->second = key_of(word + 5);
	else
		s->digest = word;
}

static void answer(char *line)
{
	char *at = line, *signer = strsep(&at, " "), *more = strsep(&at, " "),
	     *words = strsep(&at, " "), *word;
	struct blob name = hex_word(&at), guid = hex_word(&at), attr = hex_word(&at),
		    time = hex_word(&at), payload = hex_word(&at), out = {0};
	struct write w = {.name = (const CHAR16 *)(const void *)name.p,
			  .name_len = name.n + 2,
			  .guid = (const EFI_GUID *)(const void *)guid.p,
			  .payload = payload.p,
			  .len = payload.n};
	struct sign s = {.digest = NULL};
	size_t n = 0;

	need(guid.n == sizeof *w.guid && attr.n == sizeof w.attr && time.n == sizeof w.time,
	     "a length");
	memcpy(&w.attr, attr.p, sizeof w.attr);
	memcpy(&w.time, time.p, sizeof w.time);
	while (strcmp(more, "-") != 0 && (word = strsep(&more, ",")) != NULL) {
		need(n < sizeof s.more / sizeof *s.more, "too many certificates");
		s.more[n++] = key_of(word);
		if (more == NULL)
			break;
	}
	while (strcmp(words, "-") != 0 && (word = strsep(&words, ",")) != NULL) {
		how(&s, word);
		if (words == NULL)
			break;
	}
	if (strcmp(signer, "-") != 0)
		s.key = key_of(signer);
	blob_write(&out, &w, s.key != NULL ? &s : NULL);
	for (size_t i = 0; i < out.n; i++)
		printf("%02x", out.p[i]);
	putchar('\n');
	fflush(stdout);
	blob_free(&name);
	blob_free(&guid);
	blob_free(&attr);
	blob_free(&time);
	blob_free(&payload);
	blob_free(&out);
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	need(argc == 2, "usage: sign FOLDER");
	make_keys(argv[1]);
	puts("ready");
	fflush(stdout);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		line[n - 1] = 0;
		answer(line);
	}
	free(line);
	for (size_t i = 0; i < COUNT; i++)
		key_free(keys[i]);
	return 0;
}
