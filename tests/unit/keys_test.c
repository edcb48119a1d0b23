/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/host/keys.h"
#include "tests/check.h"

static char dir[64], credentials_path[96], config_path[96];

/* Replaces a file's text. */
static void put(const char *path, const char *content)
{
	FILE *out = fopen(path, "w");

	must(out != NULL && fputs(content, out) >= 0 && fclose(out) == 0);
}

/* An empty environment but for the two files, which do not exist yet. */
static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/ddbtap-keys-%d", (int)getpid());
	must(mkdir(dir, 0700) == 0);
	snprintf(credentials_path, sizeof(credentials_path), "%s/credentials", dir);
	snprintf(config_path, sizeof(config_path), "%s/config", dir);
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_PROFILE");
	unsetenv("AWS_REGION");
	unsetenv("AWS_DEFAULT_REGION");
	setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, 1);
	setenv("AWS_CONFIG_FILE", config_path, 1);
}

static void teardown(struct keys *keys)
{
	keys_free(keys);
	unlink(credentials_path);
	unlink(config_path);
	rmdir(dir);
}

/* The access key in use at a time, or "" with `err` set. */
static struct str access_key(struct keys *keys, bool fresh, int64_t now_ms, struct error *err)
{
	struct keys_request request = {.fresh = fresh, .now_ms = now_ms, .wall_ms = 1767323045678};
	const struct credentials *credentials = keys_get(keys, &request, err);

	return credentials == NULL ? STR("") : str_of(credentials->access_key);
}

static void the_environment_goes_first(void)
{
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err;

	setup();
	put(credentials_path, "[default]\naws_access_key_id=AKFILE\naws_secret_access_key=s\n");
	setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 0, &err), "AKENV");
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	teardown(keys);
}

static void files_are_read_again_when_asked_but_not_too_often(void)
{
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err;

	setup();
	put(credentials_path, "[default]\naws_access_key_id=AKONE\naws_secret_access_key=s\n");
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 5000, &err), "AKONE");
	put(credentials_path, "[default]\naws_access_key_id=AKTWO\naws_secret_access_key=s\n");
	CHECK_STR(access_key(keys, false, 9000, &err), "AKONE");
	CHECK_STR(access_key(keys, true, 5999, &err), "AKONE");
	CHECK_STR(access_key(keys, true, 6000, &err), "AKTWO");
	teardown(keys);
}

static void old_credentials_outlive_a_broken_file(void)
{
	const char *broken[] = {"", "[default", "[default]\naws_access_key_id=AKHALF\n"};
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err;

	setup();
	put(credentials_path, "[default]\naws_access_key_id=AKONE\naws_secret_access_key=s\n");
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 0, &err), "AKONE");
	for (size_t i = 0; i < ARRAY_N(broken); i++) {
		put(credentials_path, broken[i]);
		CHECK_STR(access_key(keys, true, 2000 * (int64_t)(i + 1), &err), "AKONE");
	}
	unlink(credentials_path);
	CHECK_STR(access_key(keys, true, 20000, &err), "AKONE");
	put(credentials_path, "[default]\naws_access_key_id=AKNEW\naws_secret_access_key=s\n");
	CHECK_STR(access_key(keys, true, 30000, &err), "AKNEW");
	teardown(keys);
}

static void without_credentials_the_sentence_names_the_places(void)
{
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err = {0};

	setup();
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 0, &err), "");
	CHECK_INT(err.code, ERROR_AUTH);
	CHECK(strstr(err.text, "AWS_ACCESS_KEY_ID") != NULL);
	CHECK(strstr(err.text, credentials_path) != NULL);
	CHECK(strstr(err.text, config_path) != NULL);
	put(credentials_path, "[default]\naws_access_key_id=AKLATE\naws_secret_access_key=s\n");
	CHECK_STR(access_key(keys, false, 500, &err), "");
	CHECK_STR(access_key(keys, false, 1000, &err), "AKLATE");
	teardown(keys);
}

static void an_unreadable_file_is_an_error_without_secrets(void)
{
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err = {0};

	setup();
	setenv("AWS_CONFIG_FILE", dir, 1);
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 0, &err), "");
	CHECK(strstr(err.text, "cannot read") != NULL && strstr(err.text, dir) != NULL);
	CHECK(keys_settings(keys, &err) == NULL);
	setenv("AWS_CONFIG_FILE", config_path, 1);
	put(credentials_path,
	    "[default]\naws_access_key_id=AK\naws_secret_access_key=hush hush\x01\n");
	CHECK_STR(access_key(keys, false, 5000, &err), "");
	CHECK(strstr(err.text, "hush") == NULL);
	teardown(keys);
}

static void no_file_can_be_said_by_dev_null(void)
{
	struct keys_options options = {NULL};
	struct keys *keys;
	struct error err = {0};

	setup();
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	put(credentials_path, "[default]\naws_access_key_id=AK\naws_secret_access_key=s\n");
	keys = keys_new(&options);
	CHECK_STR(access_key(keys, false, 0, &err), "AK");
	teardown(keys);
}

static void the_profile_brings_region_and_keys(void)
{
	struct keys_options options = {.profile = "audit"};
	const struct aws_settings *settings;
	struct keys *keys;
	struct error err;

	setup();
	put(config_path, "[profile audit]\nregion = eu-west-1\n");
	put(credentials_path, "[audit]\naws_access_key_id=AKAUDIT\naws_secret_access_key=s\n");
	keys = keys_new(&options);
	settings = keys_settings(keys, &err);
	CHECK(settings != NULL);
	CHECK_STR(str_of(settings->region), "eu-west-1");
	CHECK_STR(access_key(keys, false, 0, &err), "AKAUDIT");
	teardown(keys);
}

int main(void)
{
	CHECK_RUN(the_environment_goes_first);
	CHECK_RUN(files_are_read_again_when_asked_but_not_too_often);
	CHECK_RUN(old_credentials_outlive_a_broken_file);
	CHECK_RUN(without_credentials_the_sentence_names_the_places);
	CHECK_RUN(an_unreadable_file_is_an_error_without_secrets);
	CHECK_RUN(no_file_can_be_said_by_dev_null);
	CHECK_RUN(the_profile_brings_region_and_keys);
	return check_end();
}
