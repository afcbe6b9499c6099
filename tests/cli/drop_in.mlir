// What tests/cli/drop_in_test.py calls beside values.mlir: more ranks, more kinds of arguments and
// results, and ways to fail.

// Ranks.
func.func @rank1(%a: tensor<?xf32>) -> tensor<?xf32> { return %a : tensor<?xf32> }
func.func @rank4(%a: tensor<?x?x?x?xi8>) -> tensor<?x?x?x?xi8> { return %a : tensor<?x?x?x?xi8> }
func.func @rank6(%a: tensor<?x?x?x?x?x?xf16>) -> tensor<?x?x?x?x?x?xf16> {
  return %a : tensor<?x?x?x?x?x?xf16>
}
func.func @rank7(%a: tensor<?x?x?x?x?x?x?xi64>) -> tensor<?x?x?x?x?x?x?xi64> {
  return %a : tensor<?x?x?x?x?x?x?xi64>
}
func.func @rank8(%a: tensor<?x?x?x?x?x?x?x?xf64>) -> tensor<?x?x?x?x?x?x?x?xf64> {
  return %a : tensor<?x?x?x?x?x?x?x?xf64>
}
func.func @rank0_i1(%a: tensor<i1>) -> tensor<i1> { return %a : tensor<i1> }
func.func @rank0_i64(%a: tensor<i64>) -> tensor<i64> { return %a : tensor<i64> }
func.func @rank0_bf16(%a: tensor<bf16>) -> tensor<bf16> { return %a : tensor<bf16> }
func.func @rank0_cf64(%a: tensor<complex<f32>>) -> tensor<complex<f32>> {
  return %a : tensor<complex<f32>>
}
func.func @matrix_f8(%a: tensor<?x?xf8E4M3FN>) -> tensor<?x?xf8E4M3FN> {
  return %a : tensor<?x?xf8E4M3FN>
}
func.func @matrix_cf128(%a: tensor<?x?xcomplex<f64>>) -> tensor<?x?xcomplex<f64>> {
  return %a : tensor<?x?xcomplex<f64>>
}
func.func @fixed(%a: tensor<2x3xf32>) -> tensor<2x3xf32> { return %a : tensor<2x3xf32> }

// Numbers of each kind, alone.
func.func @one_i1(%a: i1) -> i1 { return %a : i1 }
func.func @one_i8(%a: i8) -> i8 { return %a : i8 }
func.func @one_i16(%a: i16) -> i16 { return %a : i16 }
func.func @one_i32(%a: i32) -> i32 { return %a : i32 }
func.func @one_i64(%a: i64) -> i64 { return %a : i64 }
func.func @one_f32(%a: f32) -> f32 { return %a : f32 }
func.func @one_f64(%a: f64) -> f64 { return %a : f64 }
func.func @one_index(%a: index) -> index { return %a : index }
func.func @widened(%a: i32) -> i64 {
  %0 = arith.extsi %a : i32 to i64
  return %0 : i64
}

// Host bytes, nothing, nested lists.
func.func @text() -> !util.buffer {
  %0 = util.buffer.constant : !util.buffer = "text of a module"
  return %0 : !util.buffer
}
func.func @null_bytes() -> !util.buffer {
  %0 = util.null : !util.buffer
  return %0 : !util.buffer
}
func.func @same_list(%a: !util.list<?>) -> !util.list<?> { return %a : !util.list<?> }
func.func @empty_list() -> !util.list<?> {
  %c0 = arith.constant 0 : index
  %0 = util.list.create %c0 : !util.list<?>
  return %0 : !util.list<?>
}
func.func @list_of_all(%i: i32, %j: i64, %f: f32, %d: f64) -> !util.list<?> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %text = util.buffer.constant : !util.buffer = "abc"
  %inner = util.list.create %c2 : !util.list<?>
  util.list.resize %inner, %c2 : !util.list<?>
  util.list.set %inner[%c1], %j : i64 -> !util.list<?>
  %0 = util.list.create %c6 : !util.list<?>
  util.list.resize %0, %c6 : !util.list<?>
  util.list.set %0[%c0], %i : i32 -> !util.list<?>
  util.list.set %0[%c1], %j : i64 -> !util.list<?>
  util.list.set %0[%c2], %f : f32 -> !util.list<?>
  util.list.set %0[%c3], %d : f64 -> !util.list<?>
  util.list.set %0[%c4], %inner : !util.list<?> -> !util.list<?>
  util.list.set %0[%c5], %text : !util.buffer -> !util.list<?>
  return %0 : !util.list<?>
}
func.func @raw_buffer(%a: tensor<4xf32>) -> !hal.buffer {
  %0 = hal.tensor.export %a : tensor<4xf32> -> !hal.buffer
  return %0 : !hal.buffer
}

// Kernels.
func.func @scale(%a: tensor<?x?xf32>, %b: f32) -> tensor<?x?xf32> {
  %s = tensor.splat %b : tensor<f32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %a, %c0 : tensor<?x?xf32>
  %n = tensor.dim %a, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %0 = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%a, %s : tensor<?x?xf32>, tensor<f32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %1 = arith.mulf %x, %y : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @less(%a: tensor<6xf32>, %b: tensor<6xf32>) -> tensor<6xi1> {
  %0 = arith.cmpf olt, %a, %b : tensor<6xf32>
  return %0 : tensor<6xi1>
}
func.func @halves(%a: tensor<8xf32>) -> (tensor<8xf16>, tensor<8xbf16>) {
  %0 = arith.truncf %a : tensor<8xf32> to tensor<8xf16>
  %1 = arith.truncf %a : tensor<8xf32> to tensor<8xbf16>
  return %0, %1 : tensor<8xf16>, tensor<8xbf16>
}
func.func @constant() -> tensor<2x3xi16> {
  %0 = util.unfoldable_constant dense<[[1, -2, 3], [4, 5, -6]]> : tensor<2x3xi16>
  return %0 : tensor<2x3xi16>
}

// Failures of the module itself.
func.func @divide(%a: i32, %b: i32) -> i32 {
  %0 = arith.divsi %a, %b : i32
  return %0 : i32
}
