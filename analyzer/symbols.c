/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "say.h"
#include <uthash.h>

#include "value.h"

#ifdef VMSC_HAVE_LIBDW
#include <elfutils/libdwfl.h>
#endif

/* A module, or with an offset after it a frame that was asked for before. */
struct known {
	char *key;
	char *name;
#ifdef VMSC_HAVE_LIBDW
	Dwfl *dwfl;
	Dwfl_Module *module;
#endif
	UT_hash_handle hh;
};

struct vmsc_symbols {
	struct known *all;
};

struct vmsc_symbols *vmsc_symbols_new(void)
{
	return vmsc_alloc(sizeof(struct vmsc_symbols));
}

void vmsc_symbols_free(struct vmsc_symbols *symbols)
{
	struct known *known, *next;

	HASH_ITER(hh, symbols->all, known, next)
	{
		HASH_DEL(symbols->all, known);
#ifdef VMSC_HAVE_LIBDW
		if (known->dwfl)
			dwfl_end(known->dwfl);
#endif
		free(known->key);
		free(known->name);
		free(known);
	}
	free(symbols);
}

#ifdef VMSC_HAVE_LIBDW

/* The entry of @key, which is taken over; *fresh when it was not there. */
static struct known *know(struct vmsc_symbols *symbols, char *key, bool *fresh)
{
	struct known *known;

	HASH_FIND_STR(symbols->all, key, known);
	*fresh = !known;
	if (known) {
		free(key);
		return known;
	}
	known = vmsc_alloc(sizeof(*known));
	known->key = key;
	HASH_ADD_KEYPTR(hh, symbols->all, key, strlen(key), known);
	return known;
}

static void open_module(struct known *known)
{
	static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
						 .find_debuginfo = dwfl_standard_find_debuginfo,
						 .section_address = dwfl_offline_section_address};

	struct stat about;

	/* the path is the trace's word: nothing but a plain file is opened */
	if (stat(known->key, &about) || !S_ISREG(about.st_mode))
		return;
	known->dwfl = dwfl_begin(&callbacks);
	if (!known->dwfl)
		return;
	dwfl_report_begin(known->dwfl);
	known->module = dwfl_report_offline(known->dwfl, "", known->key, -1);
	dwfl_report_end(known->dwfl, NULL, NULL);
}

static void look_up(struct vmsc_symbols *symbols, struct known *frame, const char *path, uint64_t offset)
{
	Dwarf_Addr low;
	struct known *module;
	const char *name = NULL;
	bool fresh;

	module = know(symbols, vmsc_format("%s", path), &fresh);
	if (fresh)
		open_module(module);
	/* a return address: the call is before it */
	if (module->module && dwfl_module_info(module->module, NULL, &low, NULL, NULL, NULL, NULL, NULL) &&
	    offset)
		name = dwfl_module_addrname(module->module, low + offset - 1);
	if (name)
		frame->name = vmsc_printable(name, strlen(name)); /* the file is anybody's */
}

const char *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame)
{
	struct known *known;
	char *path;
	bool fresh;

	if (!frame->module.length || frame->module.text[0] != '/' ||
	    memchr(frame->module.text, '\0', frame->module.length))
		return NULL;
	known = know(symbols, vmsc_frame_text(frame), &fresh);
	if (fresh) {
		path = strndup(frame->module.text, frame->module.length);
		if (!path)
			vmsc_out_of_memory();
		look_up(symbols, known, path, frame->offset);
		free(path);
	}
	return known->name;
}

#else

const char *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame)
{
	(void)symbols;
	(void)frame;
	return NULL;
}

#endif
