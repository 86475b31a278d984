/* The report: one file with every part, drawn from what a run's folder holds. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../examples/dcgan/report.h"

static char folder[] = "/tmp/cotangent-report-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[200];
    ct_error error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(ct_file_write(path, text, strlen(text), &error), CT_OK, "%s", error.message);
}

static char *get(const char *name)
{
    static char text[1 << 20];
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int count(const char *text, const char *part)
{
    int found = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        found++;
    return found;
}

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

Test(report, holds_every_part, .fini = remove_folder)
{
    ct_error error = { CT_OK, "" };
    char rows[40000], *end = rows, latest[200];
    cr_assert_not_null(mkdtemp(folder));
    put("settings.json", "{\"data\": \"<glyphs> & \\\"more\\\"\", \"loss\": \"wgan-gp\", \"steps\": 600}");
    end += sprintf(end, "step,d_loss,g_loss,d_real,d_fake,d_fake_after,penalty,images_per_second\n");
    for (int step = 1; step <= 500; step++) /* losses from 0 to 1, so that the axis is known */
        end += sprintf(end, "%d,%.9g,%.9g,0.5,0.25,-0.25,nan,99.5\n", step, (step - 1) / 499.0, 1 - (step - 1) / 499.0);
    sprintf(end, "501,0.5,0.5"); /* what a killed run leaves */
    put("log.csv", rows);
    put("real.png", "foobar");
    for (int step = 10; step <= 200; step += 10) {
        char name[40], bytes[40];
        snprintf(name, sizeof name, "samples-%06d.png", step);
        snprintf(bytes, sizeof bytes, "picture %d", step);
        put(name, bytes);
    }
    put("checkpoint-000500.safetensors", "abc");
    snprintf(latest, sizeof latest, "%s/checkpoint-latest.safetensors", folder);
    cr_assert_eq(symlink("checkpoint-000500.safetensors", latest), 0);

    cr_assert_eq(report_write(folder, &error), CT_OK, "%s", error.message);
    const char *page = get("report.html");
    cr_expect_not_null(strstr(page, "<h1>dcgan: &lt;glyphs&gt; &amp; &quot;more&quot;, 500 of 600 steps</h1>"));
    cr_expect_eq(count(page, "<polyline"), 5, "%d curves", count(page, "<polyline")); /* a penalty of NaN alone has no axis */
    cr_expect_eq(count(page, "<img"), 1 + 11);
    cr_expect_not_null(strstr(page, "base64,Zm9vYmFy\""), "RFC 4648's foobar");
    cr_expect_not_null(strstr(page, ">step 10<"));
    cr_expect_not_null(strstr(page, ">step 200<"));
    cr_expect_not_null(strstr(page, "base64,cGljdHVyZSAyMDA=\""), "base64 of \"picture 200\"");
    cr_expect_not_null(strstr(page, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "FIPS 180's abc");
    cr_expect_null(strstr(page, "http"), "nothing from a network");
    cr_expect_eq(count(page, "<figure"), count(page, "</figure>"));
    cr_expect_eq(count(page, "<svg"), count(page, "</svg>"));
    cr_expect_eq(count(page, "<table"), 2);
    for (const char *label = "\">0</text>"; label != NULL; label = strcmp(label, "\">1</text>") == 0 ? NULL : "\">1</text>")
        cr_expect_not_null(strstr(page, label), "no %s on an axis", label);

    /* The first chart, alone: what makes it a file is there, and the curves are the page's. */
    static char curve[1 << 16];
    const char *begin = strstr(page, "<polyline"), *after = strchr(begin, '>');
    memcpy(curve, begin, (size_t)(after - begin));
    const char *chart = get("losses.svg");
    cr_expect_eq(strstr(chart, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"328\" "), chart, "%.80s", chart);
    cr_expect_eq(count(chart, "<polyline"), 2);
    cr_expect_not_null(strstr(chart, curve));
    cr_expect_not_null(strstr(chart, "discriminator</tspan>"));
    cr_expect_eq(count(chart, "<svg"), 2);
    cr_expect_eq(count(chart, "</svg>"), 2);
}

/* A run of one step has a row and no curve; one that has not begun, neither. The picture is whole all the same. */
Test(report, little_to_show, .fini = remove_folder)
{
    static const char *const rows[] = { "", "1,0.5,0.7,0.5,0.25,0.25,nan,99.5\n" };
    ct_error error = { CT_OK, "" };
    cr_assert_not_null(mkdtemp(folder));
    put("settings.json", "{}");
    for (int i = 0; i < 2; i++) {
        put("log.csv", rows[i]);
        cr_assert_eq(report_write(folder, &error), CT_OK, "%s", error.message);
        cr_expect_eq(count(get("report.html"), "<svg"), 0);
        const char *chart = get("losses.svg");
        cr_expect_eq(count(chart, "<svg"), count(chart, "</svg>"));
        cr_expect_eq(count(chart, "<polyline"), 2 * i);
    }
}

/* More rows than a curve has points, some of which have no number: what is drawn still rises with the steps. */
Test(report, a_long_run_is_drawn_whole, .fini = remove_folder)
{
    enum { STEPS = 5000 };
    ct_error error = { CT_OK, "" };
    static char rows[100 * STEPS];
    char *end = rows;
    cr_assert_not_null(mkdtemp(folder));
    put("settings.json", "{\"data\": \"glyphs\", \"loss\": \"gan\", \"steps\": 5000}");
    for (int step = 1; step <= STEPS; step++) {
        const double loss = step > 2000 && step <= 2100 ? (double)NAN : step;
        end += sprintf(end, "%d,%g,%g,0.5,0.25,0.25,nan,99.5\n", step, loss, step % 7 == 0 ? (double)NAN : -loss);
    }
    put("log.csv", rows);
    cr_assert_eq(report_write(folder, &error), CT_OK, "%s", error.message);
    const char *page = get("report.html"), *curve = page;
    cr_expect_not_null(strstr(page, "<h1>dcgan: glyphs, 5000 of 5000 steps</h1>"), "%s", page);
    cr_expect_eq(count(page, "<polyline"), 5);
    for (int sign = 1; sign >= -1; sign -= 2) { /* downwards on the page is up */
        curve = strstr(curve, "<polyline");
        cr_assert_not_null(curve);
        curve = strstr(curve, "points=\"") + strlen("points=\"");
        double x = -1, y = 1e9 * sign;
        int points = 0;
        for (; *curve != '"'; points++) {
            char *comma, *end_of_point;
            const double next_x = strtod(curve, &comma), next_y = strtod(comma + 1, &end_of_point);
            cr_assert(*comma == ',' && end_of_point > comma + 1, "point %d: %.40s", points, curve);
            cr_expect(next_x > x && (y - next_y) * sign > 0, "point %d: %g, %g after %g, %g", points, next_x, next_y, x, y);
            x = next_x, y = next_y, curve = end_of_point + (*end_of_point == ' ');
        }
        cr_expect_gt(points, 100);
        cr_expect_gt(x, 600, "it ends at %g of 720", x);
    }
}

Test(report, a_folder_without_a_run_is_refused, .fini = remove_folder)
{
    ct_error error = { CT_OK, "" };
    cr_assert_not_null(mkdtemp(folder));
    cr_expect_eq(report_write(folder, &error), CT_IO_ERROR);
    cr_expect_not_null(strstr(error.message, "settings.json: No such file or directory"), "%s", error.message);
}
