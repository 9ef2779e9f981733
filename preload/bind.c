/* SPDX-License-Identifier: MIT */
/* bind.c - see bind.h. */
#include "bind.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

/* What the dynamic section says of the symbols that a library asks for. */
struct imports {
	const ElfW(Sym) *symbols;
	const char *names;
	const ElfW(Rela) *all[2];
	size_t sizes[2];
};

static struct imports read_imports(const struct link_map *map)
{
	struct imports imports = { 0 };

	for (const ElfW(Dyn) *at = map->l_ld; at->d_tag != DT_NULL; at++) {
		switch (at->d_tag) {
		case DT_SYMTAB:
			imports.symbols = (const void *)at->d_un.d_ptr;
			break;
		case DT_STRTAB:
			imports.names = (const void *)at->d_un.d_ptr;
			break;
		case DT_RELA:
			imports.all[0] = (const void *)at->d_un.d_ptr;
			break;
		case DT_RELASZ:
			imports.sizes[0] = at->d_un.d_val;
			break;
		case DT_JMPREL:
			imports.all[1] = (const void *)at->d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			imports.sizes[1] = at->d_un.d_val;
			break;
		}
	}
	return imports;
}

struct span {
	uint64_t start, end;
};

static struct span span_of(const struct link_map *map)
{
	const ElfW(Ehdr) *header = (const void *)map->l_addr;
	const ElfW(Phdr) *segments = (const void *)(map->l_addr + header->e_phoff);
	struct span span = { map->l_addr, map->l_addr };

	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD)
			span.end = map->l_addr + segments[i].p_vaddr + segments[i].p_memsz;
	}
	return span;
}

static bool has(struct span span, uint64_t at)
{
	return at >= span.start && at < span.end;
}

/* The libraries that are bound, and what may be behind their slots without a change. */
struct binding {
	struct link_map *libc;
	struct span allowed[4]; /* libc, the loader, the recorder, what was loaded for it */
};

static bool is_allowed(const struct binding *binding, uint64_t at)
{
	for (int i = 0; i < 4; i++) {
		if (has(binding->allowed[i], at))
			return true;
	}
	return false;
}

static bool is_named(const struct link_map *map, const char *name)
{
	const char *last = strrchr(map->l_name, '/');

	return last && !strcmp(last + 1, name);
}

static struct binding find_libc(struct link_map *first)
{
	struct binding binding = { .allowed[2] = { vmsc_rec.text_start, vmsc_rec.text_end } };

	for (struct link_map *map = first; map; map = map->l_next) {
		if (is_named(map, "libc.so.6")) {
			binding.libc = map;
			binding.allowed[0] = span_of(map);
		} else if (is_named(map, "ld-linux-x86-64.so.2")) {
			binding.allowed[1] = span_of(map);
		}
	}
	vmsc_arena_libraries(&binding.allowed[3].start, &binding.allowed[3].end);
	return binding;
}

/* Most of the slots cannot be written any more (RELRO). */
static void put(uint64_t *slot, uint64_t target)
{
	uint64_t page = (uintptr_t)slot & ~(uint64_t)(VMSC_PAGE_SIZE - 1);

	if (!sys3(SYS_mprotect, page, VMSC_PAGE_SIZE, PROT_READ | PROT_WRITE))
		*slot = target;
}

/* dlsym() is asked for what has to be changed only: a sentence about what it does not find would stay in the
 * program's heap. */
static void bind_one(const struct binding *binding, const struct link_map *map, const struct imports *imports,
		     const ElfW(Rela) *rela)
{
	const ElfW(Sym) *symbol = &imports->symbols[ELF64_R_SYM(rela->r_info)];
	uint64_t *slot = (uint64_t *)(map->l_addr + rela->r_offset), type = ELF64_R_TYPE(rela->r_info);
	void *target;

	if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || symbol->st_shndx != SHN_UNDEF || !*slot ||
	    ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT || is_allowed(binding, *slot))
		return;
	target = dlsym(binding->libc, imports->names + symbol->st_name);
	if (target)
		put(slot, (uintptr_t)target);
}

static void bind_library(const struct binding *binding, const struct link_map *map)
{
	const struct imports imports = read_imports(map);

	for (int table = 0; table < 2 && imports.symbols && imports.names; table++) {
		size_t nr = imports.all[table] ? imports.sizes[table] / sizeof(ElfW(Rela)) : 0;

		for (size_t i = 0; i < nr; i++)
			bind_one(binding, map, &imports, &imports.all[table][i]);
	}
}

void vmsc_bind_to_libc(void *library)
{
	struct link_map *first;
	struct binding binding;

	if (dlinfo(library, RTLD_DI_LINKMAP, &first))
		return;
	while (first->l_prev)
		first = first->l_prev;
	binding = find_libc(first);
	for (struct link_map *map = binding.libc ? first : NULL; map; map = map->l_next) {
		if (has(binding.allowed[3], map->l_addr))
			bind_library(&binding, map);
	}
}
