/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "say.h"
#include "value.h"
#include <uthash.h>

#ifdef VMSC_HAVE_LIBDW
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#endif

static const char *sysroot = "", *debug_path = "/usr/lib/debug";

void vmsc_symbols_look_in(const char *root, const char *path)
{
	if (root)
		sysroot = strcmp(root, "/") ? root : "";
	if (path)
		debug_path = path;
}

/* A module, or with an offset after it a frame that was asked for before. */
struct known {
	char *key;
	bool is_frame, changed;
	struct vmsc_symbol symbol;
#ifdef VMSC_HAVE_LIBDW
	Dwfl *dwfl;
	Dwfl_Module *module;
	char *debug; /* of debug_path, for elfutils; they keep a pointer to it */
	Dwfl_Callbacks callbacks;
#endif
	UT_hash_handle hh;
};

struct vmsc_symbols {
	const struct vmsc_origins *origins;
	struct known *all;
	char *(*demangle)(const char *name, char *buffer, size_t *length, int *status);
	void *libstdcxx;
};

struct vmsc_symbols *vmsc_symbols_new(const struct vmsc_origins *origins)
{
	struct vmsc_symbols *symbols = vmsc_alloc(sizeof(*symbols));

	symbols->origins = origins;
	symbols->libstdcxx = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
	if (symbols->libstdcxx)
		*(void **)&symbols->demangle = dlsym(symbols->libstdcxx, "__cxa_demangle");
	return symbols;
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
		free(known->debug);
#endif
		free(known->key);
		free(known->symbol.function);
		free(known->symbol.file);
		free(known);
	}
	if (symbols->libstdcxx)
		dlclose(symbols->libstdcxx);
	free(symbols);
}

size_t vmsc_symbols_changed(const struct vmsc_symbols *symbols, const char **example)
{
	const struct known *known;
	size_t nr = 0;

	for (known = symbols->all; known; known = known->hh.next) {
		if (!known->changed)
			continue;
		*example = known->key;
		nr++;
	}
	return nr;
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

/* --- a module --- */

static void report_module(struct known *known, const char *path)
{
	struct stat about;

	/* the path is the trace's word: nothing but a plain file is opened */
	if (stat(path, &about) || !S_ISREG(about.st_mode))
		return;
	known->debug = vmsc_format("-:.debug:%s%s", *sysroot ? sysroot : "", debug_path);
	known->callbacks = (Dwfl_Callbacks){.find_elf = dwfl_build_id_find_elf,
					    .find_debuginfo = dwfl_standard_find_debuginfo,
					    .section_address = dwfl_offline_section_address,
					    .debuginfo_path = &known->debug};
	known->dwfl = dwfl_begin(&known->callbacks);
	if (!known->dwfl)
		return;
	dwfl_report_begin(known->dwfl);
	known->module = dwfl_report_offline(known->dwfl, "", path, -1);
	dwfl_report_end(known->dwfl, NULL, NULL);
}

static void forget_module(struct known *known)
{
	if (known->dwfl)
		dwfl_end(known->dwfl);
	free(known->debug);
	known->dwfl = NULL;
	known->module = NULL;
	known->debug = NULL;
}

/* Is it the file that ran? What has no id is taken for it. */
static bool has_id(const struct known *known, struct vmsc_bytes wanted)
{
	const unsigned char *bits;
	GElf_Addr address;
	char text[130];
	int length, i;

	if (!known->module)
		return false;
	length = dwfl_module_build_id(known->module, &bits, &address);
	if (length <= 0 || length > 64 || !wanted.length)
		return !wanted.length;
	for (i = 0; i < length; i++)
		snprintf(text + i * 2, 3, "%02x", bits[i]);
	return wanted.length == (size_t)length * 2 && !memcmp(text, wanted.text, wanted.length);
}

/* The module itself or its debug information, as they are kept by build-id below @folder. */
static bool find_by_id(struct known *known, const char *root, const char *folder, size_t length,
		       struct vmsc_bytes id)
{
	static const char *const ends[] = {"", ".debug"};
	char *path;
	size_t i;

	for (i = 0; i < 2 && id.length > 2; i++) {
		path = vmsc_format("%s%.*s/.build-id/%.2s/%.*s%s", root, (int)length, folder, id.text,
				   (int)id.length - 2, id.text + 2, ends[i]);
		report_module(known, path);
		free(path);
		if (has_id(known, id))
			return true;
		forget_module(known);
	}
	return false;
}

static bool find_anywhere_by_id(struct known *known, struct vmsc_bytes id)
{
	const char *folder = debug_path;
	size_t length;

	for (;; folder += length + 1) {
		length = strcspn(folder, ":");
		if (find_by_id(known, "", folder, length, id) ||
		    (*sysroot && find_by_id(known, sysroot, folder, length, id)))
			return true;
		if (!folder[length])
			return false;
	}
}

static void open_module(struct vmsc_symbols *symbols, struct known *known)
{
	struct vmsc_bytes id =
		vmsc_origins_build_id(symbols->origins, (struct vmsc_bytes){known->key, strlen(known->key)});
	char *path = vmsc_format("%s%s", sysroot, known->key);
	bool there;

	report_module(known, path);
	free(path);
	there = known->module;
	if (has_id(known, id))
		return;
	forget_module(known);
	if (id.length && find_anywhere_by_id(known, id))
		return;
	known->changed = there;
}

/* --- a name --- */

/* Without a symbol's version, and without the hash at the end of an older name of Rust's. */
static void cut_tail(char *name)
{
	size_t length = strcspn(name, "@");

	if (length)
		name[length] = '\0';
	length = strlen(name);
	if (length > 19 && !memcmp(name + length - 19, "::h", 3) &&
	    strspn(name + length - 16, "0123456789abcdef") == 16)
		name[length - 19] = '\0';
}

/* For people: demangled, cut, and with nothing in it that a terminal would obey, since the file is anybody's.
 */
static char *readable(const struct vmsc_symbols *symbols, const char *name)
{
	char *text = NULL, *shown;
	int status = -1;

	if (name[0] == '_' && name[1] == 'Z' && symbols->demangle)
		text = symbols->demangle(name, NULL, NULL, &status);
	if (!text)
		text = vmsc_format("%s", name);
	cut_tail(text);
	shown = vmsc_printable(text, strlen(text));
	free(text);
	return shown;
}

static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

	return name ? name : dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* The innermost function that was inlined at @address; NULL: none. */
static char *inlined_at(const struct vmsc_symbols *symbols, Dwfl_Module *module, Dwarf_Addr address)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias), *scopes = NULL;
	int nr = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0, i;
	const char *name = NULL;

	for (i = 0; i < nr && !name; i++) {
		if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			break;
		if (dwarf_tag(&scopes[i]) == DW_TAG_inlined_subroutine)
			name = die_name(&scopes[i]);
	}
	free(scopes);
	return name ? readable(symbols, name) : NULL;
}

static void find_line(struct vmsc_symbol *symbol, Dwfl_Module *module, Dwarf_Addr address)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, address);
	const char *file = line ? dwfl_lineinfo(line, NULL, &symbol->line, NULL, NULL, NULL) : NULL, *slash;

	if (!file)
		return;
	slash = strrchr(file, '/');
	file = slash ? slash + 1 : file;
	symbol->file = vmsc_printable(file, strlen(file));
}

static void find_function(struct vmsc_symbols *symbols, struct vmsc_symbol *symbol, Dwfl_Module *module,
			  Dwarf_Addr address)
{
	const char *name = dwfl_module_addrname(module, address);
	char *inner = inlined_at(symbols, module, address), *outer = name ? readable(symbols, name) : NULL;

	if (!inner || !outer || !strcmp(inner, outer)) {
		symbol->function = outer ? outer : inner;
		free(outer ? inner : NULL);
		return;
	}
	symbol->function = vmsc_format("%s in %s", inner, outer);
	free(inner);
	free(outer);
}

static void look_up(struct vmsc_symbols *symbols, struct known *frame, const char *path, uint64_t offset)
{
	struct known *module;
	Dwarf_Addr low;
	bool fresh;

	module = know(symbols, vmsc_format("%s", path), &fresh);
	if (fresh)
		open_module(symbols, module);
	if (!module->module || !offset ||
	    !dwfl_module_info(module->module, NULL, &low, NULL, NULL, NULL, NULL, NULL))
		return;
	/* a return address: the call is before it */
	find_function(symbols, &frame->symbol, module->module, low + offset - 1);
	if (frame->symbol.function)
		find_line(&frame->symbol, module->module, low + offset - 1);
}

const struct vmsc_symbol *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame)
{
	struct known *known;
	char *path;
	bool fresh;

	if (!frame->module.length || frame->module.text[0] != '/' ||
	    memchr(frame->module.text, '\0', frame->module.length))
		return NULL;
	known = know(symbols, vmsc_frame_text(frame), &fresh);
	if (fresh) {
		known->is_frame = true;
		path = strndup(frame->module.text, frame->module.length);
		if (!path)
			vmsc_out_of_memory();
		look_up(symbols, known, path, frame->offset);
		free(path);
	}
	return known->symbol.function ? &known->symbol : NULL;
}

#else

const struct vmsc_symbol *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame)
{
	(void)symbols;
	(void)frame;
	return NULL;
}

#endif
