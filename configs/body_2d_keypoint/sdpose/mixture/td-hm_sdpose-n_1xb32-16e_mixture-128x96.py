# SDPose-N on a mixture of LSPET, SynthPose and COCO, from the packaged weights.
_base_ = ['../../../_base_/token_heatmap_mixture.py']

load_from = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'

model = dict(
    head=dict(
        num_cycles=2,
        loss=dict(
            _delete_=True, type='HeatmapCrossEntropyLoss', use_target_weight=True, loss_weight=1.0
        ),
        visual_token_loss=dict(loss_weight=2e-3),
        keypoint_token_loss=dict(loss_weight=2e-3),
    ),
)
