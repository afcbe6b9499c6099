// facts.h: what a model consists of, as far as the choice of flags asks.
#ifndef EERIE_COMPILER_FACTS_H_
#define EERIE_COMPILER_FACTS_H_

#include "eerie/eerie_compiler.h"

// Reads the facts off IR as the compiler prints it after input conversion, an operation a line.
void ee_facts_scan(const char *text, size_t size, eerie_compiler_facts_t *out_facts);

#endif // EERIE_COMPILER_FACTS_H_
