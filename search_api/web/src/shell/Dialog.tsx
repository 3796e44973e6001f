// A dialog over what is shown. The uppermost one alone has the keys (layers.ts).

import { Modal, type ModalProps } from "@mantine/core";

import { useEffect, useState } from "react";

import { t } from "../texts";
import { LayerContext, useLayer } from "./layers";

type Props = Pick<ModalProps, "title" | "size" | "zIndex" | "children" | "onClose"> & { opened?: boolean };

export function Dialog({ opened = true, onClose, children, ...look }: Props) {
  const layer = useLayer(onClose, { opened });
  // Mantine gives the focus back where `opened` changes; most dialogs come and go as a whole.
  const [before] = useState(() => (opened ? document.activeElement : null));
  useEffect(
    () => () => {
      const lost = !document.activeElement || document.activeElement === document.body;
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    },
    [before],
  );
  return (
    <Modal opened={opened} onClose={onClose} closeOnEscape={false} closeButtonProps={{ "aria-label": t.close }} {...look}>
      <LayerContext value={layer}>{children}</LayerContext>
    </Modal>
  );
}
