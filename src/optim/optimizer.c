/* The optimizer: groups of settings, one slot a parameter, and the step that walks over them. */
#include <math.h>
#include <string.h>

#include "internal.h"

static const ct_rule_row *const rules[] = {
    [CT_SGD] = &ct_rule_sgd, [CT_ADAM] = &ct_rule_adam, [CT_ADAMW] = &ct_rule_adamw, [CT_RMSPROP] = &ct_rule_rmsprop
};
enum { RULES = sizeof rules / sizeof *rules };

struct ct_optimizer {
    const ct_rule_row *rule;
    int slot_count, group_count;
    ct_slot *slots;
    ct_optim_settings **groups; /* one block each: their addresses stay as groups are added */
};

static bool known(ct_rule rule)
{
    return (int)rule >= 0 && (int)rule < RULES;
}

ct_optim_settings ct_optim_defaults(ct_rule rule)
{
    return known(rule) ? rules[rule]->defaults : (ct_optim_settings){ 0 };
}

ct_optimizer *ct_optimizer_new(ct_rule rule)
{
    ct_optimizer *optimizer = known(rule) ? ct_allocate_zeroed(sizeof *optimizer) : NULL;
    if (optimizer)
        optimizer->rule = rules[rule];
    return optimizer;
}

static void free_slot(ct_slot *slot)
{
    for (int i = 0; i < CT_MAX_STATE; i++)
        ct_tensor_release(slot->state[i]);
    ct_tensor_release(slot->parameter);
}

void ct_optimizer_free(ct_optimizer *optimizer)
{
    if (!optimizer)
        return;
    for (int i = 0; i < optimizer->slot_count; i++)
        free_slot(&optimizer->slots[i]);
    for (int i = 0; i < optimizer->group_count; i++)
        ct_release(optimizer->groups[i], sizeof **optimizer->groups);
    ct_release(optimizer->slots, (size_t)optimizer->slot_count * sizeof *optimizer->slots);
    ct_release(optimizer->groups, (size_t)optimizer->group_count * sizeof *optimizer->groups);
    ct_release(optimizer, sizeof *optimizer);
}

/* ---- groups ---- */

static const char *refuse(const ct_rule_row *rule, const ct_optim_settings *s)
{
    if (!(s->lr >= 0 && isfinite(s->lr)))
        return "lr is finite and at least 0";
    if (!(s->weight_decay >= 0 && isfinite(s->weight_decay)))
        return "weight_decay is finite and at least 0";
    if (!(s->momentum >= 0 && isfinite(s->momentum)))
        return "momentum is finite and at least 0";
    return rule->refuse(s);
}

static bool holds(const ct_slot *slots, int count, const ct_tensor *parameter)
{
    for (int i = 0; i < count; i++)
        if (slots[i].parameter == parameter)
            return true;
    return false;
}

/* State is made with the group, so that steps allocate nothing; settings changed later may need more. */
static bool make_state(const ct_rule_row *rule, ct_slot *slot, const ct_optim_settings *settings)
{
    unsigned needs = rule->needs(settings);
    for (int i = 0; i < CT_MAX_STATE; i++)
        if (needs >> i & 1 && !slot->state[i]) {
            slot->state[i] = ct_tensor_zeros(slot->parameter->dtype, slot->parameter->shape);
            if (!slot->state[i])
                return false;
        }
    return true;
}

static bool make_slot(const ct_optimizer *optimizer, ct_slot *slot, int number, ct_tensor *parameter,
                      const ct_optim_settings *settings)
{
    *slot = (ct_slot){ .parameter = ct_tensor_retain(parameter), .group = optimizer->group_count };
    for (int i = 0; i < CT_MAX_STATE; i++)
        if (optimizer->rule->state[i])
            snprintf(slot->name[i], sizeof slot->name[i], "state.%d.%s", number, optimizer->rule->state[i]);
    return make_state(optimizer->rule, slot, settings);
}

ct_status ct_optimizer_add(ct_optimizer *optimizer, int count, ct_tensor *const parameters[],
                           const ct_optim_settings *settings, ct_error *error)
{
    if (!optimizer || !settings)
        return ct_error_set(error, CT_BAD_ARGUMENT, "optimizer_add: the optimizer or the settings are NULL");
    const char *name = optimizer->rule->name, *rule = refuse(optimizer->rule, settings);
    if (rule)
        return ct_error_set(error, CT_BAD_ARGUMENT,
                            "%s: %s (lr %g, weight_decay %g, momentum %g, dampening %g, beta1 %g, beta2 %g, eps %g, alpha %g)",
                            name, rule, settings->lr, settings->weight_decay, settings->momentum, settings->dampening,
                            settings->beta1, settings->beta2, settings->eps, settings->alpha);
    if (count < 1 || !parameters)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%s: a group needs at least one parameter, not %d", name, count);

    int old = optimizer->slot_count, total = old + count, groups = optimizer->group_count, made = old;
    if (count > INT32_MAX - old)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%s: too many parameters", name);
    ct_slot *slots = ct_allocate_array((size_t)total, sizeof *slots);
    ct_optim_settings **list = ct_allocate_array((size_t)groups + 1, sizeof *list);
    ct_optim_settings *copy = ct_allocate(sizeof *copy);
    ct_status status = slots && list && copy ? CT_OK : CT_NO_MEMORY;
    if (status == CT_OK && old)
        memcpy(slots, optimizer->slots, (size_t)old * sizeof *slots);
    for (int i = 0; status == CT_OK && i < count; i++) {
        if (!parameters[i] || holds(slots, made, parameters[i]))
            status = ct_error_set(error, CT_BAD_ARGUMENT, "%s: parameter %d %s", name, i,
                                  parameters[i] ? "is in a group already" : "is NULL");
        else if (!make_slot(optimizer, &slots[made++], old + i, parameters[i], settings))
            status = CT_NO_MEMORY;
    }
    if (status != CT_OK) {
        for (int i = old; i < made; i++)
            free_slot(&slots[i]);
        ct_release(slots, (size_t)total * sizeof *slots);
        ct_release(list, ((size_t)groups + 1) * sizeof *list);
        ct_release(copy, sizeof *copy);
        return status == CT_NO_MEMORY ? ct_error_set(error, status, "%s: no memory for the state", name) : status;
    }

    *copy = *settings;
    if (groups)
        memcpy(list, optimizer->groups, (size_t)groups * sizeof *list);
    list[groups] = copy;
    ct_release(optimizer->slots, (size_t)old * sizeof *slots);
    ct_release(optimizer->groups, (size_t)groups * sizeof *list);
    optimizer->slots = slots;
    optimizer->groups = list;
    optimizer->slot_count = total;
    optimizer->group_count = groups + 1;
    return CT_OK;
}

ct_status ct_optimizer_add_module(ct_optimizer *optimizer, ct_module *module, const ct_optim_settings *settings, ct_error *error)
{
    int all = ct_module_tensor_count(module), count = 0;
    ct_tensor **parameters = all ? ct_allocate_array((size_t)all, sizeof *parameters) : NULL;
    if (all && !parameters)
        return ct_error_set(error, CT_NO_MEMORY, "optimizer_add_module: no memory for a list of %d tensors", all);
    for (int i = 0; i < all; i++)
        if (!ct_module_tensor(module, i).buffer)
            parameters[count++] = ct_module_tensor(module, i).tensor;
    ct_status status = ct_optimizer_add(optimizer, count, parameters, settings, error);
    ct_release(parameters, (size_t)all * sizeof *parameters);
    return status;
}

int ct_optimizer_group_count(const ct_optimizer *optimizer)
{
    return optimizer ? optimizer->group_count : 0;
}

ct_optim_settings *ct_optimizer_group(ct_optimizer *optimizer, int group)
{
    return group >= 0 && group < ct_optimizer_group_count(optimizer) ? optimizer->groups[group] : NULL;
}

void ct_optimizer_set_lr(ct_optimizer *optimizer, double lr)
{
    for (int i = 0; i < ct_optimizer_group_count(optimizer); i++)
        optimizer->groups[i]->lr = lr;
}

/* ---- the step ---- */

static ct_status step_slot(const ct_rule_row *rule, ct_slot *slot, const ct_optim_settings *settings)
{
    ct_tensor *parameter = slot->parameter, *gradient = ct_gradient(parameter);
    if (!gradient)
        return CT_OK;
    if (gradient->dtype != parameter->dtype)
        return CT_BAD_DTYPE;
    if (!ct_shape_equal(gradient->shape, parameter->shape))
        return CT_BAD_SHAPE;
    if (!make_state(rule, slot, settings))
        return CT_NO_MEMORY;

    ct_update update = { .gradient = ct_tensor_data(gradient),
                         .parameter = ct_tensor_data_mutable(parameter),
                         .maximize = settings->maximize,
                         .lr = settings->lr,
                         .weight_decay = settings->weight_decay };
    unsigned needs = rule->needs(settings);
    for (int i = 0; i < CT_MAX_STATE; i++)
        if (needs >> i & 1)
            update.state[i] = ct_tensor_data_mutable(slot->state[i]);
    rule->prepare(settings, ++slot->steps, &update);
    ct_parallel_for(parameter->count, CT_UPDATE_GRAIN, rule->kernel(parameter->dtype), &update);
    return CT_OK;
}

ct_status ct_optimizer_step(ct_optimizer *optimizer)
{
    ct_status first = optimizer ? CT_OK : CT_BAD_ARGUMENT;
    for (int i = 0; optimizer && i < optimizer->slot_count; i++) {
        ct_slot *slot = &optimizer->slots[i];
        ct_status status = step_slot(optimizer->rule, slot, optimizer->groups[slot->group]);
        if (first == CT_OK)
            first = status;
    }
    return first;
}

void ct_optimizer_zero_grad(ct_optimizer *optimizer)
{
    for (int i = 0; optimizer && i < optimizer->slot_count; i++)
        ct_zero_gradient(optimizer->slots[i].parameter);
}

/* ---- state, for checkpoints ---- */

int ct_optimizer_tensor_count(const ct_optimizer *optimizer)
{
    int count = 0;
    for (int i = 0; optimizer && i < optimizer->slot_count; i++)
        for (int j = 0; j < CT_MAX_STATE; j++)
            count += optimizer->slots[i].state[j] != NULL;
    return count;
}

ct_named_tensor ct_optimizer_tensor(const ct_optimizer *optimizer, int position)
{
    for (int i = 0; optimizer && position >= 0 && i < optimizer->slot_count; i++) {
        const ct_slot *slot = &optimizer->slots[i];
        for (int j = 0; j < CT_MAX_STATE; j++)
            if (slot->state[j] && position-- == 0)
                return (ct_named_tensor){ .name = slot->name[j], .tensor = slot->state[j], .buffer = true };
    }
    return (ct_named_tensor){ 0 };
}

static ct_slot *find_slot(const ct_optimizer *optimizer, int parameter)
{
    return optimizer && parameter >= 0 && parameter < optimizer->slot_count ? &optimizer->slots[parameter] : NULL;
}

int64_t ct_optimizer_steps(const ct_optimizer *optimizer, int parameter)
{
    const ct_slot *slot = find_slot(optimizer, parameter);
    return slot ? slot->steps : -1;
}

ct_status ct_optimizer_set_steps(ct_optimizer *optimizer, int parameter, int64_t steps)
{
    ct_slot *slot = find_slot(optimizer, parameter);
    if (!slot || steps < 0)
        return CT_BAD_ARGUMENT;
    slot->steps = steps;
    return CT_OK;
}
