// Weights outside of the module: two scopes, one without a name, one that the module changes.
module @params {
  util.global private @w = #flow.parameter.named<"model"::"w"> : tensor<64x32xf32>
  util.global private @b = #flow.parameter.named<"model"::"b"> : tensor<32xf32>
  util.global private @scale_values = #flow.parameter.named<"scale"> : tensor<7xf32>
  util.global private mutable @sum = #flow.parameter.named<"state"::"sum"> : tensor<32xf32>
  func.func @layer(%x: tensor<4x64xf32>) -> tensor<4x32xf32> {
    %w = util.global.load @w : tensor<64x32xf32>
    %b = util.global.load @b : tensor<32xf32>
    %empty = tensor.empty() : tensor<4x32xf32>
    %rows = linalg.broadcast ins(%b : tensor<32xf32>) outs(%empty : tensor<4x32xf32>) dimensions = [0]
    %y = linalg.matmul ins(%x, %w : tensor<4x64xf32>, tensor<64x32xf32>) outs(%rows : tensor<4x32xf32>) -> tensor<4x32xf32>
    return %y : tensor<4x32xf32>
  }
  func.func @scale() -> tensor<7xf32> {
    %values = util.global.load @scale_values : tensor<7xf32>
    return %values : tensor<7xf32>
  }
  func.func @add(%x: tensor<32xf32>) -> tensor<32xf32> {
    %sum = util.global.load @sum : tensor<32xf32>
    %more = arith.addf %sum, %x : tensor<32xf32>
    util.global.store %more, @sum : tensor<32xf32>
    return %more : tensor<32xf32>
  }
}
