// What the tests of `eerie run` call: identities of every dtype and rank, and one function for each
// kind of argument and result.

// Dtypes.
func.func @id_i1(%a: tensor<?xi1>) -> tensor<?xi1> { return %a : tensor<?xi1> }
func.func @id_i8(%a: tensor<?xi8>) -> tensor<?xi8> { return %a : tensor<?xi8> }
func.func @id_i16(%a: tensor<?xi16>) -> tensor<?xi16> { return %a : tensor<?xi16> }
func.func @id_i32(%a: tensor<?xi32>) -> tensor<?xi32> { return %a : tensor<?xi32> }
func.func @id_i64(%a: tensor<?xi64>) -> tensor<?xi64> { return %a : tensor<?xi64> }
func.func @id_f16(%a: tensor<?xf16>) -> tensor<?xf16> { return %a : tensor<?xf16> }
func.func @id_bf16(%a: tensor<?xbf16>) -> tensor<?xbf16> { return %a : tensor<?xbf16> }
func.func @id_f32(%a: tensor<?xf32>) -> tensor<?xf32> { return %a : tensor<?xf32> }
func.func @id_f64(%a: tensor<?xf64>) -> tensor<?xf64> { return %a : tensor<?xf64> }
func.func @id_cf64(%a: tensor<?xcomplex<f32>>) -> tensor<?xcomplex<f32>> {
  return %a : tensor<?xcomplex<f32>>
}
func.func @id_cf128(%a: tensor<?xcomplex<f64>>) -> tensor<?xcomplex<f64>> {
  return %a : tensor<?xcomplex<f64>>
}
func.func @id_f8E5M2(%a: tensor<?xf8E5M2>) -> tensor<?xf8E5M2> { return %a : tensor<?xf8E5M2> }
func.func @id_f8E4M3FN(%a: tensor<?xf8E4M3FN>) -> tensor<?xf8E4M3FN> {
  return %a : tensor<?xf8E4M3FN>
}
func.func @id_f8E5M2FNUZ(%a: tensor<?xf8E5M2FNUZ>) -> tensor<?xf8E5M2FNUZ> {
  return %a : tensor<?xf8E5M2FNUZ>
}
func.func @id_f8E4M3FNUZ(%a: tensor<?xf8E4M3FNUZ>) -> tensor<?xf8E4M3FNUZ> {
  return %a : tensor<?xf8E4M3FNUZ>
}
func.func @id_f8E8M0FNU(%a: tensor<?xf8E8M0FNU>) -> tensor<?xf8E8M0FNU> {
  return %a : tensor<?xf8E8M0FNU>
}
func.func @id_i4(%a: tensor<5xi4>) -> tensor<5xi4> { return %a : tensor<5xi4> }

// Ranks.
func.func @rank0(%a: tensor<f32>) -> tensor<f32> { return %a : tensor<f32> }
func.func @rank2(%a: tensor<?x?xi32>) -> tensor<?x?xi32> { return %a : tensor<?x?xi32> }
func.func @rank3(%a: tensor<?x?x?xi32>) -> tensor<?x?x?xi32> { return %a : tensor<?x?x?xi32> }
func.func @rank5(%a: tensor<?x?x?x?x?xi32>) -> tensor<?x?x?x?x?xi32> {
  return %a : tensor<?x?x?x?x?xi32>
}

// Scalars, several results, nothing at all.
func.func @scalars(%a: i32, %b: i64, %c: f32, %d: f64) -> (i32, i64, f32, f64) {
  return %a, %b, %c, %d : i32, i64, f32, f64
}
func.func @mixed(%a: tensor<4xf32>, %b: i32, %c: tensor<2x2xi8>)
    -> (tensor<2x2xi8>, i32, tensor<4xf32>) {
  return %c, %b, %a : tensor<2x2xi8>, i32, tensor<4xf32>
}
func.func @nothing() { return }

// Kernels.
func.func @mul(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @add_matrices(%a: tensor<?x3xf32>, %b: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = arith.addf %a, %b : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}
func.func @mul_into(%a: tensor<4xf32>, %b: tensor<4xf32>,
                    %out: !hal.buffer {iree.abi.output = 0 : index}) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// A count that lives from call to call.
util.global private mutable @count = dense<0> : tensor<i32>
func.func @next() -> tensor<i32> {
  %0 = util.global.load @count : tensor<i32>
  %c1 = arith.constant dense<1> : tensor<i32>
  %1 = arith.addi %0, %c1 : tensor<i32>
  util.global.store %1, @count : tensor<i32>
  return %1 : tensor<i32>
}

// What only the host sees.
func.func @bytes(%a: !util.buffer) -> !util.buffer { return %a : !util.buffer }
func.func @list(%a: tensor<2xf32>, %b: i32) -> !util.list<?> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %view = hal.tensor.export %a : tensor<2xf32> -> !hal.buffer_view
  %inner = util.list.create %c1 : !util.list<?>
  util.list.resize %inner, %c1 : !util.list<?>
  util.list.set %inner[%c0], %b : i32 -> !util.list<?>
  %outer = util.list.create %c3 : !util.list<?>
  util.list.resize %outer, %c3 : !util.list<?>
  util.list.set %outer[%c0], %b : i32 -> !util.list<?>
  util.list.set %outer[%c1], %view : !hal.buffer_view -> !util.list<?>
  util.list.set %outer[%c2], %inner : !util.list<?> -> !util.list<?>
  return %outer : !util.list<?>
}
func.func @null_list() -> !util.list<?> {
  %0 = util.null : !util.list<?>
  return %0 : !util.list<?>
}
func.func @fails(%a: i32) -> i32 {
  %c0 = arith.constant 0 : i32
  %ok = arith.cmpi sgt, %a, %c0 : i32
  cf.assert %ok, "the number must be positive"
  return %a : i32
}
