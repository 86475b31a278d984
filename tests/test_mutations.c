/* The checker is checked: every mutation is convicted by its proper check, and its right twin is not accused by any. */
#include <criterion/criterion.h>

#include "mutations.h"

Test(mutations, convicted)
{
    ct_set_num_threads(1);
    cr_assert_geq(mutation_count, 40);
    for (int i = 0; i < mutation_count; i++) {
        ct_gradcheck_report report = { .message = "" };
        cr_expect_eq(judge_mutation(&mutations[i], true, mutations[i].proper, 1, &report), CT_WRONG, "%s: %s", mutations[i].name, report.message);
        for (proper_check check = 0; check < PROPER_CHECKS; check++)
            cr_expect_eq(judge_mutation(&mutations[i], false, check, 1, &report), CT_RIGHT, "%s, right, check %d: %s", mutations[i].name, check,
                         report.message);
    }
}
