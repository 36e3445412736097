/*
 * touchpoints - their numbers, and the number of the one that each is part of.
 */
#include "intake/intake_priv.h"

#include <stdlib.h>

/* The most names that a lane knows: the limit is for events, while a journal brings those that other lanes
 * had room for, and a take-back must find the touchpoint where its response was counted. The reserve is three
 * more lanes' worth. */
uint32_t intake_names_max(const struct intake_options *options)
{
	uint32_t limit = (uint32_t)options->touchpoints_max, reserve = limit < 100000 ? 3 * limit : 300000;
	return limit + reserve + 1024;
}

/* One link a name, not a list of ancestors: 4 bytes for each of millions, and the few parents stay in the
 * cache. All that are anybody's parents are known since touchpoints_open. */
static void link_parent(struct touchpoints *t, uint32_t number)
{
	struct str ancestors[REGISTRY_DEPTH_MAX];
	unsigned count = registry_ancestors(t->registry, names_get(t->names, number), ancestors);
	t->parents[number] = count > 0 ? names_find(t->names, ancestors[0]) : NOBODY;
}

bool touchpoints_open(struct touchpoints *t, const struct intake_setup *setup, struct err *err)
{
	uint32_t names_max = intake_names_max(&setup->options);
	t->registry = setup->registry;
	t->levels = 1 + registry_depth(t->registry);
	t->max = (uint32_t)setup->options.touchpoints_max + 2;
	t->names = names_create(names_max, REGISTRY_NAME_MAX);
	must(names_intern(t->names, STR("_unmapped")) == INTAKE_UNMAPPED);
	must(names_intern(t->names, STR("_overflow")) == INTAKE_OVERFLOW);
	if (registry_names(t->registry) > setup->options.touchpoints_max) {
		err_set(err,
			"touchpoints.max must be at least %u: so many are declared, or are parents of those",
			registry_names(t->registry));
		return false;
	}
	for (unsigned i = 0; i < registry_names(t->registry); i++)
		must(names_intern(t->names, registry_name(t->registry, i)) != NAMES_FULL);
	if (t->levels > 1) {
		t->parents = must_array(names_max, sizeof *t->parents);
		for (uint32_t i = 0; i < names_count(t->names); i++)
			link_parent(t, i);
	}
	return true;
}

void touchpoints_close(struct touchpoints *t)
{
	names_destroy(t->names);
	free(t->parents);
}

uint32_t touchpoint_of(struct touchpoints *t, struct str name, uint32_t names_max)
{
	if (name.len == 0)
		return INTAKE_UNMAPPED;
	uint32_t known = names_count(t->names);
	uint32_t number = known >= names_max ? names_find(t->names, name) : names_intern(t->names, name);
	if (__builtin_expect(number == known && t->parents != NULL, 0))
		link_parent(t, number);
	return number == NAMES_FULL ? INTAKE_OVERFLOW : number;
}
