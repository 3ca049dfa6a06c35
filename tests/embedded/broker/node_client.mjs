// Google's Node client publishes, streams, nacks and dead-letters through the broker at
// PUBSUB_EMULATOR_HOST, and prints what it saw as one JSON line.
import {PubSub} from '@google-cloud/pubsub';

const MESSAGES = 100;
const POISON = 'poison';

const pubsub = new PubSub({projectId: 'node-pro'});

const next = (subscription, wanted) =>
  new Promise((resolve, reject) => {
    subscription.on('error', reject);
    subscription.on('message', message => {
      if (wanted(message)) resolve(message);
    });
  });

const [topic] = await pubsub.createTopic('prices');
const [letters] = await pubsub.createTopic('prices.dead');
const [undertaker] = await letters.createSubscription('undertaker');
const [reader] = await topic.createSubscription('reader', {
  deadLetterPolicy: {deadLetterTopic: letters.name, maxDeliveryAttempts: 5},
});

const seen = new Set();
const attempts = [];
const letter = next(undertaker, message => (message.ack(), true));
const all = next(reader, message => {
  const body = message.data.toString();
  if (body === POISON) {
    attempts.push(message.deliveryAttempt);
    message.nack();
  } else {
    seen.add(body);
    message.ack();
  }
  return seen.size === MESSAGES;
});

const bodies = Array.from({length: MESSAGES}, (_, index) => `price ${index}`);
const publish = body => topic.publishMessage({data: Buffer.from(body), attributes: {from: 'node'}});
const ids = await Promise.all([...bodies, POISON].map(publish));
await all;
const dead = await letter;

let refused = 0;
await topic.subscription('missing').getMetadata().catch(error => (refused = error.code));
await reader.close();
await undertaker.close();
await pubsub.close();
console.log(
  JSON.stringify({
    published: new Set(ids).size,
    received: seen.size,
    attempts,
    dead: dead.data.toString(),
    deadFrom: dead.attributes,
    missing: refused,
  })
);
