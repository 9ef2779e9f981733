/* SPDX-License-Identifier: MIT */
#include "callform.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "say.h"
#include "value.h"

#define MAX_ERRNO      4095
#define UNKNOWN_PREFIX "syscall_"

void vmsc_written_call_of(struct vmsc_written_call *call, const struct vmsc_call_record *record,
			  const struct vmsc_extra_record *extra)
{
	memset(call, 0, sizeof(*call));
	call->record = *record;
	call->record.head.flags &= (uint16_t)~VMSC_CALL_NO_FILE; /* all arguments are there */
	call->record.nr_args = 6;
	vmsc_call_args(record, call->args);
	call->has_extra = extra && extra->head.type;
	if (call->has_extra)
		call->extra = *extra;
}

static size_t nr_known_args(const struct vmsc_syscall *known)
{
	size_t n = 0;

	while (known && n < 6 && known->args[n].key)
		n++;
	return n;
}

char *vmsc_syscall_text(unsigned int nr)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_number(nr);

	return known ? vmsc_format("%s", known->name) : vmsc_format(UNKNOWN_PREFIX "%u", nr);
}

/* --- values out --- */

static json_t *words_to_json(const struct vmsc_word *words, uint64_t value)
{
	json_t *array = json_array();

	for (; words->text; words++) {
		if (words->value && (value & words->mask) == words->value) {
			vmsc_json_append(array, json_string(words->text));
			value &= ~words->mask;
		}
	}
	if (value)
		vmsc_json_append(array, vmsc_json_hex(value));
	return array;
}

static json_t *word_to_json(const struct vmsc_word *words, uint64_t value)
{
	for (; words->text; words++)
		if (words->value == value)
			return json_string(words->text);
	return vmsc_json_hex(value);
}

/* The kernel looks at 32 bits; how the program filled the others is kept only where it says something. */
static json_t *fd_to_json(uint64_t value)
{
	if (value >> 32 == 0 || value >> 31 == UINT64_C(0x1ffffffff))
		return json_integer((int32_t)(uint32_t)value);
	return vmsc_json_hex(value);
}

static json_t *argument_to_json(const struct vmsc_argument *argument, uint64_t value)
{
	switch (argument->form) {
	case VMSC_FORM_NUMBER:
		return vmsc_json_number(value);
	case VMSC_FORM_FD:
		return fd_to_json(value);
	case VMSC_FORM_WORD:
		return word_to_json(argument->words, value);
	case VMSC_FORM_WORDS:
		return words_to_json(argument->words, value);
	default:
		return vmsc_json_hex(value);
	}
}

char *vmsc_result_to_text(unsigned int nr, int64_t result)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_number(nr);
	const char *name;

	if (result < 0 && result >= -MAX_ERRNO) {
		name = vmsc_errno_name((int)-result);
		return name ? vmsc_format("-%s", name) : vmsc_format("%" PRId64, result);
	}
	if (result && ((known && known->gives_address) || result < 0))
		return vmsc_format("0x%" PRIx64, (uint64_t)result);
	return vmsc_format("%" PRId64, result);
}

json_t *vmsc_result_to_json(unsigned int nr, int64_t result)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_number(nr);
	char *text;
	json_t *value;

	if (result >= 0 && !(known && known->gives_address && result))
		return vmsc_json_number((uint64_t)result);
	text = vmsc_result_to_text(nr, result);
	if (result >= -MAX_ERRNO && result < 0 && !vmsc_errno_name((int)-result))
		value = json_integer(result);
	else
		value = json_string(text);
	free(text);
	return value;
}

static void put_extra(json_t *object, const struct vmsc_written_call *call)
{
	const struct vmsc_extra_record *extra = &call->extra;
	json_t *range;

	if (extra->file || call->record.nr == 9)
		vmsc_json_put(object, "file", extra->file ? json_integer(extra->file) : json_null());
	if (extra->name)
		vmsc_json_put(object, "name", json_integer(extra->name));
	if (extra->policy)
		vmsc_json_put(object, "policy", json_integer(extra->policy));
	if (extra->uffd)
		vmsc_json_put(object, "uffd", json_integer(extra->uffd));
	if (extra->size)
		vmsc_json_put(object, call->record.nr == 9 ? "pool_lacks" : "segment_size",
			      vmsc_json_number(extra->size));
	if (extra->range_start || extra->range_end) {
		range = json_array();
		vmsc_json_append(range, vmsc_json_hex(extra->range_start));
		vmsc_json_append(range, vmsc_json_hex(extra->range_end));
		vmsc_json_put(object, "range", range);
	}
	if (extra->mode)
		vmsc_json_put(object, "uffd_mode", vmsc_json_number(extra->mode));
}

static void put_arguments(json_t *object, const struct vmsc_written_call *call)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_number(call->record.nr);
	size_t n = nr_known_args(known), last = 6, i;
	json_t *more;

	for (i = 0; i < n; i++)
		vmsc_json_put(object, known->args[i].key, argument_to_json(&known->args[i], call->args[i]));
	while (last > n && !call->args[last - 1])
		last--;
	if (last == n)
		return;
	more = json_array();
	for (i = n; i < last; i++)
		vmsc_json_append(more, vmsc_json_hex(call->args[i]));
	vmsc_json_put(object, "more", more);
}

json_t *vmsc_call_to_json(const struct vmsc_written_call *call)
{
	const struct vmsc_call_record *record = &call->record;
	json_t *object = json_object();
	char *name = vmsc_syscall_text(record->nr);

	vmsc_json_put(object, "call", json_string(name));
	free(name);
	put_arguments(object, call);
	put_extra(object, call);
	vmsc_json_put(object, "result", vmsc_result_to_json(record->nr, record->result));
	vmsc_json_put(object, "thread", json_integer(record->tid));
	vmsc_json_put(object, "stack", record->stack ? json_integer(record->stack) : json_null());
	vmsc_json_put(object, "time", vmsc_json_number(record->stamp));
	if (record->head.flags & VMSC_CALL_UNORDERED)
		vmsc_json_put(object, "unordered", json_true());
	if (record->head.flags & VMSC_CALL_RACED)
		vmsc_json_put(object, "raced", json_true());
	if (record->head.flags & VMSC_CALL_VFORK_CHILD)
		vmsc_json_put(object, "vfork_child", json_true());
	if (record->head.flags & VMSC_CALL_OUT_OF_LIBC)
		vmsc_json_put(object, "out_of_libc", json_true());
	return object;
}

/* --- values in --- */

static bool word_of_text(const struct vmsc_word *words, const json_t *value, uint64_t *number)
{
	const char *text = json_string_value(value);

	for (; text && words->text; words++) {
		if (!strcmp(words->text, text)) {
			*number = words->value;
			return true;
		}
	}
	return vmsc_json_get_u64(value, number);
}

static bool argument_of_json(const struct vmsc_argument *argument, const json_t *value, uint64_t *number)
{
	uint64_t part;
	size_t i;

	if (argument->form == VMSC_FORM_WORD)
		return word_of_text(argument->words, value, number);
	if (argument->form != VMSC_FORM_WORDS || !json_is_array(value))
		return vmsc_json_get_u64(value, number);
	*number = 0;
	for (i = 0; i < json_array_size(value); i++) {
		if (!word_of_text(argument->words, json_array_get(value, i), &part))
			return false;
		*number |= part;
	}
	return true;
}

static bool result_of_json(const json_t *value, int64_t *result)
{
	const char *text = json_string_value(value);
	uint64_t number;
	int error;

	if (text && text[0] == '-') {
		error = vmsc_errno_of_name(text + 1);
		*result = -error;
		return error;
	}
	if (!vmsc_json_get_u64(value, &number))
		return false;
	*result = (int64_t)number;
	return true;
}

static bool u32_of_json(const json_t *value, uint32_t *number)
{
	uint64_t wide = 0;

	if (!json_is_null(value) && (!vmsc_json_get_u64(value, &wide) || wide > UINT32_MAX))
		return false;
	*number = (uint32_t)wide;
	return true;
}

static bool flag_of_json(struct vmsc_call_record *record, uint16_t flag, const json_t *value)
{
	if (!json_is_boolean(value))
		return false;
	if (json_is_true(value))
		record->head.flags |= flag;
	return true;
}

static bool range_of_json(struct vmsc_extra_record *extra, const json_t *value)
{
	return json_array_size(value) == 2 &&
	       vmsc_json_get_u64(json_array_get(value, 0), &extra->range_start) &&
	       vmsc_json_get_u64(json_array_get(value, 1), &extra->range_end);
}

static bool more_of_json(struct vmsc_written_call *call, size_t first, const json_t *value)
{
	size_t n = json_array_size(value), i;

	if (!json_is_array(value) || first + n > 6)
		return false;
	for (i = 0; i < n; i++)
		if (!vmsc_json_get_u64(json_array_get(value, i), &call->args[first + i]))
			return false;
	return true;
}

enum field_answer { FIELD_GOOD, FIELD_BAD, FIELD_UNKNOWN };

static enum field_answer read_extra(struct vmsc_extra_record *extra, const char *key, const json_t *value)
{
	bool good;

	if (!strcmp(key, "file"))
		good = u32_of_json(value, &extra->file);
	else if (!strcmp(key, "name"))
		good = u32_of_json(value, &extra->name);
	else if (!strcmp(key, "policy"))
		good = u32_of_json(value, &extra->policy);
	else if (!strcmp(key, "uffd"))
		good = u32_of_json(value, &extra->uffd);
	else if (!strcmp(key, "segment_size") || !strcmp(key, "pool_lacks"))
		good = vmsc_json_get_u64(value, &extra->size);
	else if (!strcmp(key, "range"))
		good = range_of_json(extra, value);
	else if (!strcmp(key, "uffd_mode"))
		good = vmsc_json_get_u64(value, &extra->mode);
	else
		return FIELD_UNKNOWN;
	return good ? FIELD_GOOD : FIELD_BAD;
}

static enum field_answer read_about(struct vmsc_call_record *record, const char *key, const json_t *value)
{
	bool good;

	if (!strcmp(key, "call"))
		good = json_is_string(value);
	else if (!strcmp(key, "result"))
		good = result_of_json(value, &record->result);
	else if (!strcmp(key, "thread"))
		good = u32_of_json(value, &record->tid);
	else if (!strcmp(key, "stack"))
		good = u32_of_json(value, &record->stack);
	else if (!strcmp(key, "time"))
		good = vmsc_json_get_u64(value, &record->stamp);
	else if (!strcmp(key, "unordered"))
		good = flag_of_json(record, VMSC_CALL_UNORDERED, value);
	else if (!strcmp(key, "raced"))
		good = flag_of_json(record, VMSC_CALL_RACED, value);
	else if (!strcmp(key, "vfork_child"))
		good = flag_of_json(record, VMSC_CALL_VFORK_CHILD, value);
	else if (!strcmp(key, "out_of_libc"))
		good = flag_of_json(record, VMSC_CALL_OUT_OF_LIBC, value);
	else
		return FIELD_UNKNOWN;
	return good ? FIELD_GOOD : FIELD_BAD;
}

static enum field_answer read_field(struct vmsc_written_call *call, const struct vmsc_syscall *known,
				    const char *key, const json_t *value)
{
	size_t n = nr_known_args(known), i;
	enum field_answer answer;

	for (i = 0; i < n; i++)
		if (!strcmp(key, known->args[i].key))
			return argument_of_json(&known->args[i], value, &call->args[i]) ? FIELD_GOOD
											: FIELD_BAD;
	if (!strcmp(key, "more"))
		return more_of_json(call, n, value) ? FIELD_GOOD : FIELD_BAD;
	answer = read_extra(&call->extra, key, value);
	return answer != FIELD_UNKNOWN ? answer : read_about(&call->record, key, value);
}

static bool number_of_name(const char *name, uint16_t *nr)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_name(name);
	char *end;
	unsigned long number;

	if (known) {
		*nr = known->nr;
		return true;
	}
	if (strncmp(name, UNKNOWN_PREFIX, strlen(UNKNOWN_PREFIX)))
		return false;
	name += strlen(UNKNOWN_PREFIX);
	number = strtoul(name, &end, 10);
	*nr = (uint16_t)number;
	return name[0] >= '0' && name[0] <= '9' && !*end && number < UINT16_MAX;
}

static void finish_call(struct vmsc_written_call *call)
{
	static const struct vmsc_extra_record nothing;

	call->has_extra = memcmp(&call->extra, &nothing, sizeof(nothing));
	call->record.nr_args = 6;
	while (call->record.nr_args && !call->args[call->record.nr_args - 1])
		call->record.nr_args--;
}

bool vmsc_call_of_json(struct vmsc_written_call *call, const json_t *object, char **why)
{
	const char *name = json_string_value(json_object_get(object, "call")), *key;
	json_t *value;

	memset(call, 0, sizeof(*call));
	if (!name || !number_of_name(name, &call->record.nr)) {
		*why = vmsc_format("\"call\" names no system call that is known here: %.80s",
				   name ? name : "no text");
		return false;
	}
	if (!json_object_get(object, "result")) {
		*why = vmsc_format("%s has no \"result\"", name);
		return false;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		switch (read_field(call, vmsc_syscall_of_number(call->record.nr), key, value)) {
		case FIELD_BAD:
			*why = vmsc_format("%s: the value of \"%.40s\" can't be understood", name, key);
			return false;
		case FIELD_UNKNOWN:
			*why = vmsc_format("%s has no \"%.40s\"", name, key);
			return false;
		default:
			break;
		}
	}
	finish_call(call);
	return true;
}

/* --- text --- */

static void write_value(FILE *out, const json_t *value)
{
	size_t i;

	if (json_is_string(value)) {
		fputs(json_string_value(value), out);
	} else if (json_is_integer(value)) {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_array(value)) {
		for (i = 0; i < json_array_size(value); i++) {
			fputs(i ? "|" : "", out);
			write_value(out, json_array_get(value, i));
		}
		if (!i)
			fputs("0", out);
	}
}

char *vmsc_call_to_text(const struct vmsc_written_call *call)
{
	const struct vmsc_syscall *known = vmsc_syscall_of_number(call->record.nr);
	size_t n = known ? nr_known_args(known) : call->record.nr_args, size, i;
	char *text = NULL, *name = vmsc_syscall_text(call->record.nr);
	FILE *out = open_memstream(&text, &size);
	json_t *value;

	if (!out)
		vmsc_out_of_memory();
	fprintf(out, "%s(", name);
	free(name);
	for (i = 0; i < n && i < 6; i++) {
		value = known ? argument_to_json(&known->args[i], call->args[i])
			      : vmsc_json_hex(call->args[i]);
		fputs(i ? ", " : "", out);
		write_value(out, value);
		json_decref(value);
	}
	fputc(')', out);
	if (fclose(out))
		vmsc_out_of_memory();
	return text;
}
