// generate.c: text from the transformer, most likely character first.
//
//   generate PROMPT [LENGTH [TIMES]]
//
// prints PROMPT and what follows it, LENGTH characters in all (CONTEXT of them unless told, which
// is what the cache has places for), and on standard error how fast that was. The module keeps the
// keys and values of all characters so far: `prefill` takes the prompt at once, `decode` a
// character at a time. TIMES above 1 does all of it again, for better timing.
#include <stdlib.h>
#include <time.h>

#include <transformer.h> // written by the build

// Where a call's first character stands, for both functions.
typedef transformer_i64_1_t place_t;

static double seconds(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int64_t most_likely(const transformer_f32_128_t *scores) {
  int64_t best = 0;
  for (int64_t token = 1; token < 128; ++token)
    if (scores->data[token] > scores->data[best]) best = token;
  return best;
}

// Fills text[prompt..length) with what follows text[0..prompt); `times` are seconds of both parts.
static eerie_status_t generate(transformer_t *model, int64_t *text, int64_t prompt, int64_t length,
                               double times[2], eerie_error_t *err) {
  transformer_f32_128_t scores;
  place_t place = {{0}};
  const double begin = seconds();
  eerie_status_t status = transformer_prefill(model, text, prompt, &place, &scores, err);
  const double middle = seconds();
  for (int64_t at = prompt; status == EERIE_OK && at < length; ++at) {
    text[at] = most_likely(&scores);
    if (at + 1 == length) break;
    const transformer_i64_1_t token = {{text[at]}};
    place.data[0] = at;
    status = transformer_decode(model, &token, &place, &scores, err);
  }
  times[0] = middle - begin;
  times[1] = seconds() - middle;
  return status;
}

static void report(int64_t prompt, int64_t length, const double times[2]) {
  fprintf(stderr, "prefill: %d characters in %.2f ms, %.0f a second\n", (int)prompt, times[0] * 1e3,
          (double)prompt / times[0]);
  const double steps = (double)(length - prompt - 1); // the first one comes from the prefill
  if (steps > 0)
    fprintf(stderr, "decode: %.0f characters in %.2f ms, %.0f a second\n", steps, times[1] * 1e3,
            steps / times[1]);
}

int main(int argc, char **argv) {
  const int64_t prompt = argc > 1 ? (int64_t)strlen(argv[1]) : 0;
  const int64_t length = argc > 2 ? atoll(argv[2]) : CONTEXT;
  const int rounds = argc > 3 ? atoi(argv[3]) : 1;
  if (prompt < 1 || prompt >= length || length > CONTEXT || rounds < 1) {
    fprintf(stderr, "usage: generate PROMPT [LENGTH [TIMES]], LENGTH beyond PROMPT and to %d\n",
            CONTEXT);
    return 2;
  }
  int64_t text[CONTEXT];
  for (int64_t at = 0; at < prompt; ++at)
    text[at] = (unsigned char)argv[1][at];

  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  transformer_t model = {0};
  double best[2] = {1e9, 1e9};
  eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status == EERIE_OK) status = transformer_open(instance, MODULE, NULL, &model, &err);
  for (int round = 0; status == EERIE_OK && round < rounds; ++round) {
    double times[2];
    status = generate(&model, text, prompt, length, times, &err);
    for (int part = 0; part < 2; ++part)
      if (times[part] < best[part]) best[part] = times[part];
  }
  if (status == EERIE_OK) {
    for (int64_t at = 0; at < length; ++at)
      putchar((int)text[at]);
    putchar('\n');
    report(prompt, length, best);
  } else {
    fprintf(stderr, "generate: %s: %s\n", eerie_status_name(err.code), err.message);
  }
  transformer_close(&model);
  eerie_instance_release(instance);
  return status != EERIE_OK;
}
