// A dialog over what is shown. The uppermost one alone has the keys (layers.ts).

import { Modal, type ModalProps } from "@mantine/core";

import { t } from "../texts";
import { LayerContext, useLayer } from "./layers";

type Props = Pick<ModalProps, "title" | "size" | "zIndex" | "children" | "onClose"> & { opened?: boolean };

export function Dialog({ opened = true, onClose, children, ...look }: Props) {
  const layer = useLayer(onClose, { opened });
  return (
    <Modal opened={opened} onClose={onClose} closeOnEscape={false} closeButtonProps={{ "aria-label": t.close }} {...look}>
      <LayerContext value={layer}>{children}</LayerContext>
    </Modal>
  );
}
