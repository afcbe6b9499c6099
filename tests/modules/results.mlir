// Several results, inputs handed back, the same storage seen twice, and what a caller may then do.

func.func @same(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }
func.func @twice(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  return %x, %x : tensor<4xf32>, tensor<4xf32>
}
func.func @exchange(%x: tensor<2xf32>, %y: tensor<3xi32>) -> (tensor<3xi32>, tensor<2xf32>) {
  return %y, %x : tensor<3xi32>, tensor<2xf32>
}
func.func @sum_and_difference(%x: tensor<4xf32>, %y: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>) {
  %s = arith.addf %x, %y : tensor<4xf32>
  %d = arith.subf %x, %y : tensor<4xf32>
  return %s, %d : tensor<4xf32>, tensor<4xf32>
}
func.func @one_of_each(%x: tensor<4xf32>, %n: i32) -> (tensor<4xf32>, i32, f32, tensor<2xi64>) {
  %c1 = arith.constant 1 : i32
  %m = arith.addi %n, %c1 : i32
  %f = arith.sitofp %n : i32 to f32
  %d = arith.addf %x, %x : tensor<4xf32>
  %k = arith.constant dense<[7, -8]> : tensor<2xi64>
  return %d, %m, %f, %k : tensor<4xf32>, i32, f32, tensor<2xi64>
}
func.func @reshaped(%x: tensor<2x6xf32>) -> (tensor<3x4xf32>, tensor<2x6xf32>) {
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x6xf32> into tensor<12xf32>
  %r = tensor.expand_shape %flat [[0, 1]] output_shape [3, 4] : tensor<12xf32> into tensor<3x4xf32>
  return %r, %x : tensor<3x4xf32>, tensor<2x6xf32>
}
func.func @slices(%x: tensor<8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %lo = tensor.extract_slice %x[0] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %hi = tensor.extract_slice %x[4] [4] [1] : tensor<8xf32> to tensor<4xf32>
  return %lo, %hi : tensor<4xf32>, tensor<4xf32>
}
func.func @insert(%x: tensor<8xf32>, %y: tensor<3xf32>) -> tensor<8xf32> {
  %r = tensor.insert_slice %y into %x[2] [3] [1] : tensor<3xf32> into tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @constant() -> tensor<2x3xi32> {
  %k = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  return %k : tensor<2x3xi32>
}
func.func @constant_twice() -> (tensor<2x3xi32>, tensor<2x3xi32>) {
  %k = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  return %k, %k : tensor<2x3xi32>, tensor<2x3xi32>
}
func.func @splat(%v: f32) -> tensor<3x5xf32> {
  %e = tensor.empty() : tensor<3x5xf32>
  %r = linalg.fill ins(%v : f32) outs(%e : tensor<3x5xf32>) -> tensor<3x5xf32>
  return %r : tensor<3x5xf32>
}
func.func @element(%x: tensor<3x4xi32>, %i: index, %j: index) -> i32 {
  %r = tensor.extract %x[%i, %j] : tensor<3x4xi32>
  return %r : i32
}
