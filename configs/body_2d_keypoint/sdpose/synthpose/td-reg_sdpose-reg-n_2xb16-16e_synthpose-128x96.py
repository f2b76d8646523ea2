# A small SDPose-Reg: 2 cycles, residual log-likelihood on each.
_base_ = ['../../../_base_/token_regression_synthpose.py']

model = dict(
    head=dict(loss=dict(_delete_=True, type='RLELoss', use_target_weight=True), num_cycles=2),
)
