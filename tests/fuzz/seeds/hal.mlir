// A module that uses devices, buffers, fences and transfers, but no kernels.

func.func @same(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }
func.func @exchange(%x: tensor<2xf32>, %y: tensor<?xi32>) -> (tensor<?xi32>, tensor<2xf32>) {
  return %y, %x : tensor<?xi32>, tensor<2xf32>
}
func.func @constant() -> tensor<2x3xi32> {
  %k = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  return %k : tensor<2x3xi32>
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
func.func @fill(%n: index, %v: f32) -> tensor<?xf32> {
  %e = tensor.empty(%n) : tensor<?xf32>
  %f = linalg.fill ins(%v : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %f : tensor<?xf32>
}
func.func @element(%x: tensor<3x4xi32>, %i: index, %j: index) -> i32 {
  %r = tensor.extract %x[%i, %j] : tensor<3x4xi32>
  return %r : i32
}
func.func @traced(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  flow.tensor.trace "traced" = [%x : tensor<2x2xf32>]
  return %x : tensor<2x2xf32>
}
util.func public @fenced(%x: tensor<4xf32>) -> tensor<4xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  util.return %x : tensor<4xf32>
}
