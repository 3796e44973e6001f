// Where a view fails to be drawn, or a part of the page is gone because the page was built anew: said, with the way on.

import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { t } from "../texts";

interface Props {
  /** What is shown; another view is tried again. */
  at: string;
  /** It stands in something that stays, a dialog, and is no view by itself. */
  within?: boolean;
  children: ReactNode;
}

export class Boundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidUpdate(before: Props) {
    if (this.state.failed && before.at !== this.props.at) this.setState({ failed: false });
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    const Title = this.props.within ? "h3" : "h1";
    const said = (
      <div className="message" role="alert">
        <Title>{t.states.broken}</Title>
        <p>{t.states.brokenNote}</p>
        <Button onClick={() => window.location.reload()}>{t.states.loadAgain}</Button>
      </div>
    );
    if (this.props.within) return said;
    return (
      <main id="content" tabIndex={-1} className="page">
        {said}
      </main>
    );
  }
}
