/* SPDX-License-Identifier: MIT */
/* unwinder.c - see unwinder.h. */
#include "unwinder.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "bind.h"
#include "call.h"
#include "fdtable.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define UNWINDER_TLS 256 /* bytes of thread data it may have */
#define WALKS 8 /* of a thread, which take as long as making its cache */
#define WORDS_SEARCHED 24 /* of the stack, for a return address into it */
#define FORK_TRIES 1000 /* naps of a fork, for threads that unwind */
#define TAKE_TRIES 10000 /* naps of a thread, for forks */

/* ld.so's: the address of a module's thread data. */
void *__tls_get_addr(size_t index[2]);

struct vmsc_unwinder vmsc_unwinder = { 0 };
static uint64_t text_start = 0, text_end = 0;
static const void *tls_image = NULL;
static size_t tls_module = 0, tls_image_size = 0, tls_size = 0;
static __thread char thread_data[UNWINDER_TLS] __attribute__((aligned(64)));
static __thread uint32_t nr_walks = 0;
static __thread bool has_cache = false;
static uint32_t nr_unwinding = 0, nr_forking = 0; /* threads */
static __thread bool forks_quietly = false;
static bool never_quiet = false;

static int find_text(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t wanted = (uintptr_t)ctx;
	const ElfW(Phdr) *tls = NULL;
	bool is_it = false;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uint64_t end = start + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_TLS)
			tls = &info->dlpi_phdr[i];
		if (info->dlpi_phdr[i].p_type == PT_LOAD && wanted >= start && wanted < end) {
			text_start = start;
			text_end = end;
			is_it = true;
		}
	}
	if (is_it && tls) {
		tls_image = (const void *)(uintptr_t)(info->dlpi_addr + tls->p_vaddr);
		tls_image_size = tls->p_filesz;
		tls_size = tls->p_memsz;
	}
	return is_it;
}

/* A thread's vector of its modules' thread data, as the x86-64 psABI and glibc have it. */
union tls_vector {
	size_t counter; /* [-1]: length, [0]: generation */
	struct {
		void *at; /* all ones: not allocated yet */
		void *to_free;
	} module;
};

static union tls_vector *own_tls_vector(void)
{
	union tls_vector *vector;

	__asm__("mov %%fs:8, %0" : "=r"(vector));
	return vector;
}

/*
 * It was loaded late, so that its thread data would be allocated by malloc at its first use in each thread, which may be in
 * the midst of a malloc. It gets ours instead. Returns: false when that can't be.
 * libc gives a thread the vector of one that has ended, of which ThreadSanitizer is not told.
 */
__attribute__((no_sanitize("thread"))) static bool prepare_thread(void)
{
	union tls_vector *vector = own_tls_vector();

	if (!tls_module || vmsc_self.prepared)
		return true;
	if (!vector || vector[-1].counter < tls_module || tls_size > sizeof(thread_data))
		return false;
	if (vector[tls_module].module.at == (void *)-1) {
		memcpy(thread_data, tls_image, tls_image_size);
		vector[tls_module].module.to_free = NULL;
		vector[tls_module].module.at = thread_data;
	}
	vmsc_self.prepared = 1;
	return true;
}

static bool find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof(symbol));
	return symbol;
}

static bool find_functions(void *library)
{
	return find(library, "unw_backtrace", &vmsc_unwinder.backtrace) &&
	       find(library, "_Ux86_64_getcontext", &vmsc_unwinder.getcontext) &&
	       find(library, "_ULx86_64_init_local", &vmsc_unwinder.init_local) &&
	       find(library, "_ULx86_64_step", &vmsc_unwinder.step) &&
	       find(library, "_ULx86_64_get_save_loc", &vmsc_unwinder.get_save_loc) &&
	       find(library, "_ULx86_64_get_reg", &vmsc_unwinder.get_reg);
}

bool vmsc_unwinder_load(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL), *own;
	uint64_t at;

	if (!library || !find_functions(library))
		return false;
	memcpy(&at, &vmsc_unwinder.backtrace, sizeof(at));
	vmsc_bind_to_libc(library);
	dl_iterate_phdr(find_text, (void *)(uintptr_t)at);
	if (dlinfo(library, RTLD_DI_TLS_MODID, &tls_module))
		tls_module = 0;
	if (!tls_module)
		return true;
	/* This thread's is allocated now; is it where the table is believed to tell it? */
	own = __tls_get_addr((size_t[2]){ tls_module, 0 });
	vmsc_self.prepared = 1;
	return own_tls_vector()[-1].counter >= tls_module && own_tls_vector()[tls_module].module.at == own;
}

void vmsc_unwinder_warm_up(void)
{
	void *frames[8];

	vmsc_self.unwinding = 1;
	vmsc_unwinder.backtrace(frames, 8);
	vmsc_unwinder.backtrace(frames, 8);
	vmsc_self.unwinding = 0;
	has_cache = true;
}

/* What the library's own backtrace does without a cache. */
static __attribute__((noinline)) int walk(void **frames, int max)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip;
	int nr = 0;

	if (vmsc_unwinder.getcontext(&context) || vmsc_unwinder.init_local(&cursor, &context))
		return 0;
	while (nr < max && vmsc_unwinder.step(&cursor) > 0 && !vmsc_unwinder.get_reg(&cursor, UNW_X86_64_RIP, &ip))
		frames[nr++] = (void *)ip;
	return nr;
}

int vmsc_unwinder_frames(void **frames, int max, uint32_t nr)
{
	if (!has_cache && nr_walks++ >= WALKS)
		has_cache = nr == SYS_mmap;
	return has_cache ? vmsc_unwinder.backtrace(frames, max) : walk(frames, max);
}

static void nap(void)
{
	const struct timespec time = { 0, 1000000 };

	sys3(SYS_nanosleep, (uintptr_t)&time, 0, 0);
}

/* Not while another thread forks: the child would inherit locks of the unwinder, and of the loader, that nobody opens. */
bool vmsc_unwinder_enter(void)
{
	if (!prepare_thread())
		return false;
	for (int i = 0; i < TAKE_TRIES; i++) {
		__atomic_add_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&nr_forking, __ATOMIC_SEQ_CST)) {
			vmsc_self.unwinding = 1;
			return true;
		}
		__atomic_sub_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
		nap();
	}
	return false;
}

void vmsc_unwinder_leave(void)
{
	if (!vmsc_self.unwinding)
		return;
	vmsc_self.unwinding = 0;
	__atomic_sub_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
}

void vmsc_unwinder_fork_begins(void)
{
	__atomic_add_fetch(&nr_forking, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < FORK_TRIES && !__atomic_load_n(&never_quiet, __ATOMIC_RELAXED); i++) {
		if (__atomic_load_n(&nr_unwinding, __ATOMIC_SEQ_CST) <= vmsc_self.unwinding) {
			forks_quietly = true;
			return;
		}
		nap();
	}
	__atomic_store_n(&never_quiet, true, __ATOMIC_RELAXED);
}

void vmsc_unwinder_fork_ends(void)
{
	forks_quietly = false;
	__atomic_sub_fetch(&nr_forking, 1, __ATOMIC_SEQ_CST);
}

bool vmsc_unwinder_child(void)
{
	bool usable = forks_quietly || nr_unwinding <= vmsc_self.unwinding;

	nr_unwinding = vmsc_self.unwinding;
	nr_forking = 0;
	forks_quietly = never_quiet = false;
	return usable;
}

bool vmsc_unwinder_is_return(uint64_t at)
{
	return vmsc_self.unwinding && at >= text_start && at < text_end;
}

bool vmsc_unwinder_is_call(const struct vmsc_regs *regs)
{
	const uint64_t *stack = (const void *)((const char *)(regs + 1) + VMSC_SITE_STACK);

	if (!vmsc_self.unwinding)
		return false;
	for (int i = 0; i < WORDS_SEARCHED; i++) {
		if (vmsc_unwinder_is_return(stack[i]))
			return true;
	}
	return false;
}

/* It needs memory and a pipe: not the program's business, so both are put out of its way. */
long vmsc_unwinder_call(uint32_t nr, const uint64_t args[6])
{
	int *fds = (int *)(uintptr_t)args[0];
	long ret;

	if (nr == SYS_mmap && args[3] & MAP_ANONYMOUS)
		return vmsc_arena_pool(args[1], args[2]);
	ret = vmsc_call_raw(nr, args);
	if (nr == SYS_pipe2 && !ret) {
		fds[0] = vmsc_sys_hide(fds[0]);
		fds[1] = vmsc_sys_hide(fds[1]);
		vmsc_fd_set_own(VMSC_OWN_FD_PIPE_READ, fds[0]);
		vmsc_fd_set_own(VMSC_OWN_FD_PIPE_WRITE, fds[1]);
	}
	return ret;
}
