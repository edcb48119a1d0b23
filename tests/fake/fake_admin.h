/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests may ask of the fake service besides its API: paths below /_admin/, unsigned, listed in
 * README.md.
 */
#ifndef FAKE_ADMIN_H
#define FAKE_ADMIN_H

#include "tests/fake/fake.h"

/* Answers a request for a path below /_admin/. */
void fake_admin(struct fake *fake, const struct fake_request *request, struct fake_reply *reply);

#endif
