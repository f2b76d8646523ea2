# Small token regression models on LSPET at the input size of the published models.
_base_ = ['./token_heatmap_lspet-256x192.py', './token_regression.py']

label = dict(type='RegressionLabel', input_size=_base_.codec.input_size)
codec = dict(_delete_=True, **label)

# Trained alone, scores learn how near a prediction is; in a distillation the teacher says it.
score_loss = dict(
    type='LocalizationScoreLoss',
    sigma=_base_.codec.sigma,
    heatmap_size=_base_.codec.heatmap_size,
)
# Coordinates are weighed so that a teacher's losses do not outweigh them at first.
regression_loss = dict(_base_.regression_head.loss, loss_weight=20.0)
model = dict(
    head=dict(
        dict(_base_.regression_head, loss=regression_loss),
        decoder=codec,
        score_loss=score_loss,
    ),
    test_cfg=_base_.regression_test_cfg,
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
