# What makes a token regression model of a token heatmap model; the bases of the data sets put it in.
# One base for all of them is not to be had: of two bases side by side, MMEngine lets neither see the
# other's variables (codec, pipeline: tried _base_.codec and '{{_base_.codec}}') nor change its keys.
regression_head = dict(
    type='TokenRegressionHead',
    hidden_dims=None,
    loss=dict(_delete_=True, type='SmoothL1Loss', use_target_weight=True),
)
regression_test_cfg = dict(_delete_=True, flip_test=True, shift_coords=False)

# The losses of DistilPose, for distillations: official weights.
distilpose_losses = dict(
    visual_tokens=dict(type='TokenDistanceLoss', loss_weight=5e-4),
    keypoint_tokens=dict(type='TokenDistanceLoss', loss_weight=5e-4),
    scores=dict(type='ScoreLoss', loss_weight=0.01),
    simulated_heatmaps=dict(type='SimulatedHeatmapLoss', loss_weight=1.0),
)
