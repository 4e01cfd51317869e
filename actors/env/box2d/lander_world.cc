// The measures are those of Gymnasium's LunarLander-v3 (discrete, without wind), which draws at 30
// pixels a metre: lengths that look odd here are whole pixels there.
#include "actors/env/box2d/lander_world.h"

#include <cmath>
#include <cstddef>

#include <box2d/box2d.h>

namespace stillhouse::actors {
namespace {

constexpr double kPixel = 1.0 / 30;  // m
constexpr float kGravity = -10;      // m/s^2
constexpr int kVelocityIterations = 180;
constexpr int kPositionIterations = 60;

constexpr std::size_t kSlopes = 10;
constexpr float kGroundFriction = 0.1F;

constexpr double kLargestPush = 1000;  // N, through one frame
constexpr float kHullDensity = 5;
constexpr float kHullFriction = 0.1F;
constexpr float kLegDensity = 1;
constexpr double kLegAway = 20 * kPixel;
constexpr double kLegHalfWidth = 2 * kPixel;
constexpr double kLegHalfHeight = 8 * kPixel;
constexpr float kLegSpringTorque = 40;  // N m
constexpr float kLegSpringSpeed = 0.3F;
constexpr float kLegFolded = 0.9F;  // rad, measured like a leg's angle against the hull
constexpr float kLegSpread = 0.4F;

constexpr double kMainPower = 13;
constexpr double kSidePower = 0.6;
constexpr double kMainNozzle = 4 * kPixel;  // along the hull's axis
constexpr double kSideNozzleAway = 12 * kPixel;
constexpr double kSideNozzleHeight = 14 * kPixel;
constexpr double kSideNozzleLean = 17 * kPixel;  // its height again, where x is worked out: sic

// Hull and legs collide with the ground alone, which keeps Box2D's default category.
constexpr std::uint16_t kGroundCategory = 0x0001;
constexpr std::uint16_t kHullCategory = 0x0010;
constexpr std::uint16_t kLegCategory = 0x0020;

b2Vec2 Vec(double x, double y) { return {static_cast<float>(x), static_cast<float>(y)}; }

double UniformIn(Rng& rng, double low, double high) { return low + (high - low) * rng.Uniform(); }

/// The corners of the slopes: eleven draws smoothed over three, the pad flat.
std::array<double, kSlopes + 1> DrawMoon(Rng& rng) {
  std::array<double, kSlopes + 2> height{};
  for (double& h : height) h = UniformIn(rng, 0, kLanderHalfHeight);
  // Five, so that the smoothing leaves three corners, two slopes, level.
  for (std::size_t i = kSlopes / 2 - 2; i <= kSlopes / 2 + 2; ++i) height[i] = kLanderPadHeight;
  std::array<double, kSlopes + 1> smooth{};
  for (std::size_t i = 0; i < smooth.size(); ++i) {
    const double before = height[(i + height.size() - 1) % height.size()];
    smooth[i] = 0.33 * (before + height[i] + height[i + 1]);
  }
  return smooth;
}

b2Fixture* AddFixture(b2Body& body, const b2Shape& shape, float density, float friction,
                      std::uint16_t category) {
  b2FixtureDef fixture;
  fixture.shape = &shape;
  fixture.density = density;
  fixture.friction = friction;
  fixture.restitution = 0;
  fixture.filter.categoryBits = category;
  fixture.filter.maskBits = kGroundCategory;
  return body.CreateFixture(&fixture);
}

b2Body* AddBody(b2World& world, b2Vec2 position, double angle) {
  b2BodyDef body;
  body.type = b2_dynamicBody;
  body.position = position;
  body.angle = static_cast<float>(angle);
  return world.CreateBody(&body);
}

}  // namespace

/// Owns every body and hears of contacts. b2World keeps a pointer to it: it stays where it is.
struct LanderWorld::Bodies final : b2ContactListener {
  explicit Bodies(Rng& rng) : world(b2Vec2(0, kGravity)) {
    world.SetContactListener(this);
    AddMoon(DrawMoon(rng));
    AddHull();
    // One frame's push: Box2D forgets forces after a step.
    const double push_x = UniformIn(rng, -kLargestPush, kLargestPush);
    const double push_y = UniformIn(rng, -kLargestPush, kLargestPush);
    hull->ApplyForceToCenter(Vec(push_x, push_y), true);
    for (std::size_t leg = 0; leg < legs.size(); ++leg) AddLeg(leg);
  }

  void AddMoon(const std::array<double, kSlopes + 1>& height) {
    b2BodyDef body;
    b2Body& moon = *world.CreateBody(&body);
    b2EdgeShape slope;
    slope.SetTwoSided(Vec(0, 0), Vec(2 * kLanderHalfWidth, 0));
    moon.CreateFixture(&slope, 0);
    const double width = 2 * kLanderHalfWidth / kSlopes;
    for (std::size_t i = 0; i < kSlopes; ++i) {
      const auto left = static_cast<double>(i);
      slope.SetTwoSided(Vec(left * width, height[i]), Vec((left + 1) * width, height[i + 1]));
      b2FixtureDef fixture;
      fixture.shape = &slope;
      fixture.friction = kGroundFriction;
      moon.CreateFixture(&fixture);
    }
  }

  void AddHull() {
    constexpr std::array<std::array<double, 2>, 6> kOutline = {
        {{-14, 17}, {-17, 0}, {-17, -10}, {17, -10}, {17, 0}, {14, 17}}};  // pixels
    std::array<b2Vec2, kOutline.size()> corners;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      corners[i] = Vec(kOutline[i][0] * kPixel, kOutline[i][1] * kPixel);
    }
    b2PolygonShape shape;
    shape.Set(corners.data(), static_cast<int32>(corners.size()));
    hull = AddBody(world, Vec(kLanderHalfWidth, 2 * kLanderHalfHeight), 0);
    AddFixture(*hull, shape, kHullDensity, kHullFriction, kHullCategory);
  }

  /// A leg turns about the hull's centre; a motor spreads it against a limit, which makes a spring.
  void AddLeg(std::size_t leg) {
    const double side = leg == 0 ? -1 : 1;  // of the hull in the leg's frame
    const auto turn = static_cast<float>(side);
    b2PolygonShape shape;
    shape.SetAsBox(static_cast<float>(kLegHalfWidth), static_cast<float>(kLegHalfHeight));
    legs[leg] =
        AddBody(world, Vec(kLanderHalfWidth - side * kLegAway, 2 * kLanderHalfHeight), side * 0.05);
    AddFixture(*legs[leg], shape, kLegDensity, 0.2F, kLegCategory);
    b2RevoluteJointDef joint;
    joint.bodyA = hull;
    joint.bodyB = legs[leg];
    joint.localAnchorA.SetZero();
    joint.localAnchorB = Vec(side * kLegAway, kLanderLegHeight);
    joint.enableMotor = true;
    joint.maxMotorTorque = kLegSpringTorque;
    joint.motorSpeed = turn * kLegSpringSpeed;
    joint.enableLimit = true;
    joint.lowerAngle = leg == 0 ? kLegSpread : -kLegFolded;
    joint.upperAngle = leg == 0 ? kLegFolded : -kLegSpread;
    world.CreateJoint(&joint);
  }

  bool Touches(b2Contact& contact, const b2Body* body) const {
    return contact.GetFixtureA()->GetBody() == body || contact.GetFixtureB()->GetBody() == body;
  }
  void BeginContact(b2Contact* contact) override {
    if (Touches(*contact, hull)) hull_touched = true;
    SetLegs(*contact, true);
  }
  void EndContact(b2Contact* contact) override { SetLegs(*contact, false); }
  /// A leg over a corner of the ground counts as lifted when either slope is left, as there.
  void SetLegs(b2Contact& contact, bool touching) {
    for (std::size_t leg = 0; leg < legs.size(); ++leg) {
      if (Touches(contact, legs[leg])) leg_on_ground[leg] = touching;
    }
  }

  b2World world;
  b2Body* hull = nullptr;  // these are the world's
  std::array<b2Body*, 2> legs{};
  std::array<bool, 2> leg_on_ground{};
  bool hull_touched = false;
};

LanderWorld::LanderWorld(Rng& rng) : bodies_(std::make_unique<Bodies>(rng)) {}
LanderWorld::~LanderWorld() = default;

void LanderWorld::Step(LanderAction action, Rng& rng) {
  b2Body& hull = *bodies_->hull;
  const double sine = std::sin(static_cast<double>(hull.GetAngle()));
  const double cosine = std::cos(static_cast<double>(hull.GetAngle()));
  const double along = UniformIn(rng, -kPixel, kPixel);
  const double across = UniformIn(rng, -kPixel, kPixel);
  const b2Vec2 at = hull.GetPosition();
  const double x = static_cast<double>(at.x);
  const double y = static_cast<double>(at.y);
  if (action == kMainEngine) {
    // From the nozzle's offset to the push: the jet leaves along (dx, dy), the hull goes against
    // it.
    const double dx = sine * (kMainNozzle + 2 * along) - cosine * across;
    const double dy = -cosine * (kMainNozzle + 2 * along) - sine * across;
    hull.ApplyLinearImpulse(Vec(-dx * kMainPower, -dy * kMainPower), Vec(x + dx, y + dy), true);
  } else if (action != kCoast) {
    const double side = action == kRightEngine ? 1 : -1;
    const double away = 3 * across + side * kSideNozzleAway;
    const double dx = sine * along - cosine * away;
    const double dy = -cosine * along - sine * away;
    hull.ApplyLinearImpulse(
        Vec(-dx * kSidePower, -dy * kSidePower),
        Vec(x + dx - sine * kSideNozzleLean, y + dy + cosine * kSideNozzleHeight), true);
  }
  bodies_->world.Step(static_cast<float>(1 / kLanderFramesPerSecond), kVelocityIterations,
                      kPositionIterations);
}

LanderMotion LanderWorld::Motion() const {
  const b2Body& hull = *bodies_->hull;
  const b2Vec2 at = hull.GetPosition();
  const b2Vec2 speed = hull.GetLinearVelocity();
  return {.x = static_cast<double>(at.x),
          .y = static_cast<double>(at.y),
          .vx = static_cast<double>(speed.x),
          .vy = static_cast<double>(speed.y),
          .angle = static_cast<double>(hull.GetAngle()),
          .spin = static_cast<double>(hull.GetAngularVelocity()),
          .leg_on_ground = bodies_->leg_on_ground};
}

bool LanderWorld::HullTouched() const { return bodies_->hull_touched; }
bool LanderWorld::AtRest() const { return !bodies_->hull->IsAwake(); }

}  // namespace stillhouse::actors
