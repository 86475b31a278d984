/* Learning rates in closed form. Arguments that make no sense (a period below 1) give NaN, never a trap. */
#include <math.h>

#include <cotangent/optim.h>

static const double pi = 3.14159265358979323846;

/* Half a cosine from `start` at 0 to `end` at 1. */
static double anneal(double start, double end, double fraction)
{
    return end + (start - end) / 2 * (cos(pi * fraction) + 1);
}

double ct_schedule_step(double lr, int64_t step, int64_t step_size, double gamma)
{
    if (step_size < 1 || step < 0)
        return NAN;
    const int64_t periods = step / step_size;
    return lr * pow(gamma, (double)periods);
}

double ct_schedule_exponential(double lr, int64_t step, double gamma)
{
    return step < 0 ? NAN : lr * pow(gamma, (double)step);
}

double ct_schedule_cosine(double lr, int64_t step, int64_t t_max, double eta_min)
{
    return t_max < 1 || step < 0 ? NAN : anneal(lr, eta_min, (double)step / (double)t_max);
}

double ct_schedule_one_cycle(double max_lr, int64_t step, int64_t total_steps, double pct_start, double div_factor,
                             double final_div_factor)
{
    if (total_steps < 1 || step < 0 || !(pct_start >= 0 && pct_start <= 1))
        return NAN;
    double low = max_lr / div_factor, last = (double)total_steps - 1, top = pct_start * (double)total_steps - 1;
    double t = fmin((double)step, last);
    if (t <= top)
        return top > 0 ? anneal(low, max_lr, t / top) : max_lr;
    return anneal(max_lr, low / final_div_factor, (t - top) / (last - top));
}

double ct_schedule_warm_up(double lr, int64_t step, int64_t warm_up_steps, double start_factor)
{
    if (step < 0)
        return NAN;
    return step >= warm_up_steps ? lr : lr * (start_factor + (1 - start_factor) * (double)step / (double)warm_up_steps);
}
