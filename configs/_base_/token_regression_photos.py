# Token regression models on photographs, by the absolute distance: SmoothL1Loss is a squared one below
# 1, all the input's side, and pulls least where a prediction is nearly right.
_base_ = ['./token_heatmap_photos.py', './token_regression.py']

label = dict(type='RegressionLabel', input_size=_base_.codec.input_size)
codec = dict(_delete_=True, **label)

# Trained alone, scores learn how near a prediction is; in a distillation the teacher says it.
score_loss = dict(
    type='LocalizationScoreLoss',
    sigma=_base_.codec.sigma,
    heatmap_size=_base_.codec.heatmap_size,
)
model = dict(
    data_preprocessor=dict(codec=codec),
    head=dict(
        _base_.regression_head,
        decoder=codec,
        score_loss=score_loss,
        loss=dict(_delete_=True, type='L1Loss', use_target_weight=True, loss_weight=2.0),
    ),
    test_cfg=_base_.regression_test_cfg,
)
