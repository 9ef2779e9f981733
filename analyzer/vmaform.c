/* SPDX-License-Identifier: MIT */
#include "vmaform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "value.h"

void vmsc_perms_text(uint64_t vm_flags, char *perms)
{
	perms[0] = vm_flags & VMSC_VM(READ) ? 'r' : '-';
	perms[1] = vm_flags & VMSC_VM(WRITE) ? 'w' : '-';
	perms[2] = vm_flags & VMSC_VM(EXEC) ? 'x' : '-';
	perms[3] = vm_flags & VMSC_VM(MAYSHARE) ? 's' : 'p';
	perms[4] = '\0';
}

static bool perms_of_text(const char *perms, uint64_t *vm_flags)
{
	if (!perms || strlen(perms) != 4 || strspn(perms, "r-w-x-ps") != 4)
		return false;
	*vm_flags = (perms[0] == 'r' ? VMSC_VM(READ) : 0) | (perms[1] == 'w' ? VMSC_VM(WRITE) : 0) |
		    (perms[2] == 'x' ? VMSC_VM(EXEC) : 0) | (perms[3] == 's' ? VMSC_VM(MAYSHARE) : 0);
	return true;
}

void vmsc_dev_text(uint32_t dev_major, uint32_t dev_minor, char *text)
{
	snprintf(text, 24, "%02x:%02x", dev_major, dev_minor);
}

bool vmsc_dev_of_text(const char *text, uint32_t *dev_major, uint32_t *dev_minor)
{
	int end = 0;

	return text && strlen(text) < 20 && sscanf(text, "%x:%x%n", dev_major, dev_minor, &end) == 2 &&
	       !text[end];
}

unsigned int vmsc_pkey_of_flags(uint64_t vm_flags)
{
	return (vm_flags & VMSC_VM_PKEY) >> VMSC_PKEY_SHIFT;
}

json_t *vmsc_flags_to_json(uint64_t vm_flags)
{
	json_t *array = json_array();
	uint64_t nameless = 0;
	unsigned int bit;
	const char *code;

	vm_flags &= ~VMSC_VM_PKEY;
	for (bit = 0; bit < 64; bit++) {
		if (!(vm_flags >> bit & 1))
			continue;
		code = vmsc_vm_flag_code(bit);
		if (code)
			vmsc_json_append(array, json_string(code));
		else
			nameless |= UINT64_C(1) << bit;
	}
	if (nameless)
		vmsc_json_append(array, vmsc_json_hex(nameless));
	return array;
}

char *vmsc_flags_text(uint64_t vm_flags)
{
	json_t *array = vmsc_flags_to_json(vm_flags);
	char *text = vmsc_alloc(64 * 4 + 40), *out = text;
	size_t i;

	for (i = 0; i < json_array_size(array); i++)
		out += sprintf(out, "%s%s", i ? " " : "", json_string_value(json_array_get(array, i)));
	if (vm_flags & VMSC_VM_PKEY)
		sprintf(out, "%spkey %u", i ? " " : "", vmsc_pkey_of_flags(vm_flags));
	json_decref(array);
	return text;
}

bool vmsc_flags_of_json(const json_t *array, uint64_t *vm_flags)
{
	const json_t *value;
	uint64_t bits;
	size_t i;

	if (!json_is_array(array))
		return false;
	*vm_flags = 0;
	for (i = 0; i < json_array_size(array); i++) {
		value = json_array_get(array, i);
		bits = 0;
		if (json_string_length(value) == 2)
			bits = vmsc_vm_flag_of_code(json_string_value(value));
		if (!bits && (!vmsc_json_get_u64(value, &bits) || bits & VMSC_VM_PKEY))
			return false;
		*vm_flags |= bits;
	}
	return true;
}

bool vmsc_only_keys(const json_t *object, const char *keys, const char **key)
{
	const char *found;
	json_t *value;
	size_t length;

	json_object_foreach((json_t *)object, *key, value)
	{
		length = strlen(*key);
		if (!length)
			return false;
		for (found = keys; (found = strstr(found, *key)); found += length)
			if ((found == keys || found[-1] == ' ') && (!found[length] || found[length] == ' '))
				break;
		if (!found)
			return false;
	}
	return true;
}

bool vmsc_field_u64(const json_t *object, const char *key, uint64_t max, uint64_t *number)
{
	const json_t *value = json_object_get(object, key);

	return !value || (vmsc_json_get_u64(value, number) && *number <= max);
}

bool vmsc_field_u32(const json_t *object, const char *key, uint32_t *number)
{
	uint64_t wide = *number;

	if (!vmsc_field_u64(object, key, UINT32_MAX, &wide))
		return false;
	*number = (uint32_t)wide;
	return true;
}

static bool pkey_of_json(const json_t *object, uint64_t *vm_flags)
{
	uint64_t key = 0;

	if (!vmsc_field_u64(object, "pkey", 15, &key))
		return false;
	*vm_flags |= key << VMSC_PKEY_SHIFT;
	return true;
}

json_t *vmsc_seen_to_json(const struct vmsc_seen_record *seen, bool flags_known)
{
	json_t *object = json_object();
	char text[24];

	vmsc_json_put(object, "start", vmsc_json_hex(seen->start));
	vmsc_json_put(object, "end", vmsc_json_hex(seen->end));
	vmsc_perms_text(seen->vm_flags, text);
	vmsc_json_put(object, "perms", json_string(text));
	vmsc_json_put(object, "offset", vmsc_json_hex(seen->offset));
	vmsc_dev_text(seen->dev_major, seen->dev_minor, text);
	vmsc_json_put(object, "dev", json_string(text));
	vmsc_json_put(object, "inode", vmsc_json_number(seen->inode));
	vmsc_json_put(object, "path",
		      vmsc_json_bytes(vmsc_record_tail(&seen->head, sizeof(*seen)), seen->length));
	if (flags_known) {
		vmsc_json_put(object, "flags", vmsc_flags_to_json(seen->vm_flags));
		if (seen->vm_flags & VMSC_VM_PKEY)
			vmsc_json_put(object, "pkey", json_integer(vmsc_pkey_of_flags(seen->vm_flags)));
	}
	if (seen->traits & VMSC_VMA_OWN)
		vmsc_json_put(object, "own", json_true());
	return object;
}

static bool seen_flags_of_json(const json_t *object, struct vmsc_seen_record *seen, bool *flags_known)
{
	const json_t *flags = json_object_get(object, "flags"), *perms = json_object_get(object, "perms");
	const uint64_t shown = VMSC_VM_ACCESS | VMSC_VM(MAYSHARE);
	uint64_t access = 0;

	if (perms && !perms_of_text(json_string_value(perms), &access))
		return false;
	*flags_known = flags;
	if (!flags) {
		seen->vm_flags = access;
		return perms;
	}
	if (!vmsc_flags_of_json(flags, &seen->vm_flags) || !pkey_of_json(object, &seen->vm_flags))
		return false;
	return !perms || access == (seen->vm_flags & shown);
}

bool vmsc_seen_of_json(const json_t *object, struct vmsc_seen_record *seen, char **path, size_t *length,
		       bool *flags_known, const char **why)
{
	const json_t *dev = json_object_get(object, "dev"), *name = json_object_get(object, "path");
	const char *key;

	memset(seen, 0, sizeof(*seen));
	*path = NULL;
	*length = 0;
	*why = "a VMA is not told as it should be (start, end, perms, offset, dev, inode, path, flags)";
	if (!json_is_object(object) ||
	    !vmsc_only_keys(object, "start end perms offset dev inode path flags pkey own", &key))
		return false;
	if (!vmsc_json_get_u64(json_object_get(object, "start"), &seen->start) ||
	    !vmsc_json_get_u64(json_object_get(object, "end"), &seen->end) ||
	    !vmsc_field_u64(object, "offset", UINT64_MAX, &seen->offset) ||
	    !vmsc_field_u64(object, "inode", UINT64_MAX, &seen->inode) ||
	    (dev && !vmsc_dev_of_text(json_string_value(dev), &seen->dev_major, &seen->dev_minor)))
		return false;
	if (seen->start >= seen->end || (seen->start | seen->end) % VMSC_PAGE_SIZE) {
		*why = "a VMA's start and end are no range of pages";
		return false;
	}
	if (!seen_flags_of_json(object, seen, flags_known)) {
		*why = "a VMA's perms or flags can't be understood, or contradict each other";
		return false;
	}
	if (json_is_true(json_object_get(object, "own")))
		seen->traits = VMSC_VMA_OWN;
	if (name && !(*path = vmsc_json_get_bytes(name, length)))
		return false;
	return true;
}

json_t *vmsc_vma_to_json(const struct vmsc_vma *vma)
{
	json_t *object = json_object();

	vmsc_json_put(object, "start", vmsc_json_hex(vma->start));
	vmsc_json_put(object, "end", vmsc_json_hex(vma->end));
	vmsc_json_put(object, "flags", vmsc_flags_to_json(vma->vm_flags));
	if (vma->vm_flags & VMSC_VM_PKEY)
		vmsc_json_put(object, "pkey", json_integer(vmsc_pkey_of_flags(vma->vm_flags)));
	vmsc_json_put(object, "pgoff", vmsc_json_hex(vma->pgoff));
	vmsc_json_put(object, "born", vmsc_json_number(vma->born));
	vmsc_json_put(object, "file", json_integer(vma->file));
	vmsc_json_put(object, "anon_vma", json_integer(vma->anon_vma));
	vmsc_json_put(object, "policy", json_integer(vma->policy));
	vmsc_json_put(object, "uffd", json_integer(vma->uffd));
	vmsc_json_put(object, "name", json_integer(vma->name));
	vmsc_json_put(object, "traits", json_integer(vma->traits));
	return object;
}

bool vmsc_vma_of_json(const json_t *object, struct vmsc_vma *vma)
{
	memset(vma, 0, sizeof(*vma));
	return vmsc_json_get_u64(json_object_get(object, "start"), &vma->start) &&
	       vmsc_json_get_u64(json_object_get(object, "end"), &vma->end) &&
	       vmsc_flags_of_json(json_object_get(object, "flags"), &vma->vm_flags) &&
	       pkey_of_json(object, &vma->vm_flags) &&
	       vmsc_field_u64(object, "pgoff", UINT64_MAX, &vma->pgoff) &&
	       vmsc_field_u64(object, "born", UINT64_MAX, &vma->born) &&
	       vmsc_field_u32(object, "file", &vma->file) &&
	       vmsc_field_u32(object, "anon_vma", &vma->anon_vma) &&
	       vmsc_field_u32(object, "policy", &vma->policy) && vmsc_field_u32(object, "uffd", &vma->uffd) &&
	       vmsc_field_u32(object, "name", &vma->name) && vmsc_field_u32(object, "traits", &vma->traits);
}
