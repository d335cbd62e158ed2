/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way in which a text gets into a scan's page or picture. */
#pragma once

#include <stdio.h>

/* Escapes @text for an element or a quoted attribute. What XML has no room for, what could
 * turn a line around, and what is no UTF-8 becomes U+FFFD. */
void scan_xml(FILE *to, const char *text);

/* At most @columns of it, with an ellipsis where there was more. */
void scan_xml_cut(FILE *to, const char *text, unsigned columns);
