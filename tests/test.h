/* SPDX-License-Identifier: BSD-2-Clause */
/* What every cmocka program includes, in the order that cmocka 1.1 wants. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
