// compiler_fake.c: a library that has the names of libIREECompiler and little else.
//
// The environment variable EERIE_FAKE tells how it misbehaves: "version" (another API), "abort"
// (ends the process when it is initialised).
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static int fake_is(const char *what) {
  const char *fake = getenv("EERIE_FAKE");
  return fake && strcmp(fake, what) == 0;
}

EXPORT int ireeCompilerGetAPIVersion(void);
int ireeCompilerGetAPIVersion(void) {
  return fake_is("version") ? 2 << 16 | 1 : 1 << 16 | 4;
}

EXPORT void ireeCompilerGlobalInitialize(void);
void ireeCompilerGlobalInitialize(void) {
  if (fake_is("abort")) abort();
}

EXPORT const char *ireeCompilerGetRevision(void);
const char *ireeCompilerGetRevision(void) {
  return "9.8.7rc1 @ fake";
}

// Functions that no test calls.
#define FAKE(name)                                                                                 \
  EXPORT void name(void);                                                                          \
  void name(void) {                                                                                \
    abort();                                                                                       \
  }
FAKE(ireeCompilerErrorDestroy)
FAKE(ireeCompilerErrorGetMessage)
FAKE(ireeCompilerSetupGlobalCL)
FAKE(ireeCompilerEnumerateRegisteredHALTargetBackends)
FAKE(ireeCompilerEnumeratePlugins)
FAKE(ireeCompilerSessionCreate)
FAKE(ireeCompilerSessionDestroy)
FAKE(ireeCompilerSessionSetFlags)
FAKE(ireeCompilerSessionGetFlags)
FAKE(ireeCompilerInvocationCreate)
FAKE(ireeCompilerInvocationDestroy)
FAKE(ireeCompilerInvocationEnableCallbackDiagnostics)
FAKE(ireeCompilerInvocationEnableConsoleDiagnostics)
FAKE(ireeCompilerInvocationSetCrashHandler)
FAKE(ireeCompilerInvocationParseSource)
FAKE(ireeCompilerInvocationSetCompileFromPhase)
FAKE(ireeCompilerInvocationSetCompileToPhase)
FAKE(ireeCompilerInvocationSetDumpCompilationPhasesTo)
FAKE(ireeCompilerInvocationSetVerifyIR)
FAKE(ireeCompilerInvocationPipeline)
FAKE(ireeCompilerInvocationRunPassPipeline)
FAKE(ireeCompilerInvocationOutputIR)
FAKE(ireeCompilerInvocationOutputIRBytecode)
FAKE(ireeCompilerInvocationOutputVMBytecode)
FAKE(ireeCompilerInvocationOutputHALExecutable)
FAKE(ireeCompilerSourceDestroy)
FAKE(ireeCompilerSourceOpenFile)
FAKE(ireeCompilerSourceWrapBuffer)
FAKE(ireeCompilerSourceSplit)
FAKE(ireeCompilerOutputDestroy)
FAKE(ireeCompilerOutputOpenFile)
FAKE(ireeCompilerOutputOpenFD)
FAKE(ireeCompilerOutputMapMemory)
