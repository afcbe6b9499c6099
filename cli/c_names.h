// c_names.h: names and types of C for what is generated.
#ifndef EERIE_CLI_C_NAMES_H_
#define EERIE_CLI_C_NAMES_H_

#include "cli.h"
#include "eerie/eerie.h"

// `name` as an identifier of C and C++: other characters become '_'. `whole`: it stands alone, and
// must not begin with a digit or be a word of the language. The caller frees it; NULL: no memory.
char *ee_cli_c_identifier(const char *name, bool whole);
// "folder/my-model.vmfb" -> "my_model"
char *ee_cli_c_prefix(const char *path);
// Appends what a file says of itself, such as a type, as words of a comment of either kind: nothing
// in it ends one.
void ee_cli_c_comment(ee_cli_text_t *text, const char *words);
// The C type that holds an element of a dtype; NULL: there is none.
const char *ee_cli_c_type(eerie_dtype_t dtype);

#endif // EERIE_CLI_C_NAMES_H_
