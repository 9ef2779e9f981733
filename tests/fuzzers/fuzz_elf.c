/* SPDX-License-Identifier: MIT */
/*
 * fuzz_elf.c - any bytes as the file that a trace names as a module: names of functions are looked for in it.
 * The first two bytes are an offset. The file has no place in a folder, so a run costs no disk.
 */
#include "fuzz.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols.h"

#define NR_OFFSETS 2

static int file_of(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("module", MFD_CLOEXEC);
		dlopen("libstdc++.so.6",
		       RTLD_LAZY | RTLD_LOCAL); /* stays: loading it takes longer than a run */
	}
	REQUIRE(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size, "no file");
	return fd;
}

static void look_up(struct vmsc_symbols *symbols, struct vmsc_bytes path, uint64_t offset)
{
	const struct vmsc_frame frame = {.module = path, .offset = offset};
	const struct vmsc_symbol *symbol = vmsc_symbols_find(symbols, &frame);

	REQUIRE(!symbol || symbol->function, "a symbol without a name");
	for (const char *c = symbol ? symbol->function : ""; *c; c++)
		REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f, "a name with a control character");
	REQUIRE(symbol == vmsc_symbols_find(symbols, &frame), "asked again it is another");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmsc_origins *origins;
	struct vmsc_symbols *symbols;
	const char *changed;
	char path[64];
	struct vmsc_bytes name = {path, 0};
	uint64_t offset;

	if (size < 2)
		return 0;
	offset = (uint64_t)data[0] << 8 | data[1];
	name.length = (size_t)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_of(data + 2, size - 2));
	origins = vmsc_origins_new();
	symbols = vmsc_symbols_new(origins);
	vmsc_symbols_look_in(NULL, "/nonexistent");
	for (uint64_t i = 0; i < NR_OFFSETS; i++)
		look_up(symbols, name, offset + i * 16);
	if (offset & 1)
		look_up(symbols, name, UINT64_MAX - offset);
	vmsc_symbols_changed(symbols, &changed);
	vmsc_symbols_free(symbols);
	vmsc_origins_free(origins);
	return 0;
}
