// The page of the overview alone

function speak() {
  sayLabels();
  document.title = `${say("overview")} – ${data.database}`;
  byId("source").textContent = sourceLine();
  byId("figures").replaceChildren(...overviewPictures(data.overview));
}

speakBoth(speak);
speak();
