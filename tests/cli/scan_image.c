/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes images of small machines, their firmware, and what else `runtserv scan` is given.
 * usage: scan_image FOLDER */
#include "../scan_build.h"

#include <unistd.h>

static void save(const char *name, const void *p, size_t n)
{
	FILE *to = fopen(name, "w");

	if (to == NULL || fwrite(p, 1, n, to) != n || fclose(to) != 0) {
		perror(name);
		exit(1);
	}
}

/* What our firmware application would have written before boot. */
static void save_inventory(const struct synth *m, const char *name)
{
	FILE *to = fopen(name, "w");

	if (to == NULL)
		abort();
	fprintf(to,
		"{\"schema\": \"runtserv.inventory/1\", \"map\": {\"descriptors\": []}, "
		"\"images\": [");
	for (unsigned i = 0; i < m->driver_count; i++)
		if (!m->driver[i].boot)
			fprintf(to,
				"%s\n{\"name\": \"%s\", \"guid\": null, \"path\": null, "
				"\"base\": \"0x%llx\", \"size\": %u, "
				"\"code_type\": \"EfiRuntimeServicesCode\"}",
				i != 0 ? "," : "", m->driver[i].name,
				(unsigned long long)m->driver[i].base,
				m->driver[i].pe.size);
	fprintf(to, "]}\n");
	fclose(to);
}

static void clean(const struct synth_options *opt)
{
	struct synth m;
	struct blob image;

	synth_new(&m, opt);
	save_inventory(&m, "inventory.json");
	save("firmware.fd", m.firmware.p, m.firmware.n);
	synth_hand_over(&m);
	save("clean.raw", m.ram, m.len);
	save("cut.raw", m.ram, m.area[CODE].start);
	image = synth_lime(&m, 0);
	save("clean.lime", image.p, image.n);
	free(image.p);
	synth_fini(&m);
}

/* A driver from a disk gives SetVariable, and repairs the checksum. */
static void hooked(const struct synth_options *opt)
{
	static const struct synth_spec spec = {
		.name = "hook.efi", .services = 1U << 8, .text_len = 0x1000, .seed = 77};
	const struct synth_driver *d;
	struct synth m;

	synth_new(&m, opt);
	d = synth_load_file(&m, &spec);
	put64(&m, synth_field(&m, 8), synth_function(d, 8));
	synth_seal(&m, m.rt);
	save("hook.efi", d->file.p, d->file.n);
	synth_hand_over(&m);
	save("hooked.raw", m.ram, m.len);
	synth_fini(&m);
}

/* Windows' own pointer to SetVariable leads into its kernel. */
static void windows(void)
{
	const struct synth_options opt = {.windows = true};
	struct synth m;

	synth_new(&m, &opt);
	synth_hand_over(&m);
	put64(&m, m.block + 8 * 5, SYNTH_NT + 0x1400);
	save("windows.raw", m.ram, m.len);
	synth_fini(&m);
}

/* An ELF core of another machine. */
static void other(void)
{
	static const uint8_t core[64 + 56 + 16] = {
		0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 4, [18] = 183, [20] = 1, [32] = 64,
		[52] = 64, [54] = 56, [56] = 1, [58] = 64,
		/* PT_LOAD of 16 bytes */
		[64] = 1, [64 + 8] = 120, [64 + 32] = 16, [64 + 40] = 16};

	save("aarch64.elf", core, sizeof core);
}

int main(int argc, char **argv)
{
	const struct synth_options opt = {0};

	if (argc != 2 || chdir(argv[1]) < 0)
		return 2;
	clean(&opt);
	hooked(&opt);
	windows();
	other();
	save("zeros", (uint8_t[65536]){0}, 65536);
	return 0;
}
