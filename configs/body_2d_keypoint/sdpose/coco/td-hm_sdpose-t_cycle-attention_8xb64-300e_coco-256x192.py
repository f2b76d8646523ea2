# SDPose-T whose last cycle's attention teaches the first one's: ours, joins both papers.
_base_ = ['./td-hm_sdpose-t_8xb64-300e_coco-256x192.py']

model = dict(
    head=dict(
        attention_loss=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(2, 2), (4, 4), (6, 6)],
            loss_weight=1e-3,
        ),
    ),
)
