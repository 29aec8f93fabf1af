// Search for a site opened from the disk. Browsers start no Worker on file://, so a hidden frame runs its script instead.
// As a Worker does, the frame gets a copy of each message.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc =
        `<script>window.postMessage = (data) => parent.postMessage(data, "*")</script>` +
        `<script src="${new URL(url, location)}"></script>`;
      this.hear = (event) => {
        if (event.source === this.frame.contentWindow && this.onmessage) this.onmessage(event);
      };
      addEventListener("message", this.hear);
      this.frame.onload = () => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      };
      document.body.append(this.frame);
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
    }

    terminate() {
      removeEventListener("message", this.hear);
      this.frame.remove();
    }
  };
}
