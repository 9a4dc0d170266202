#include <caffe/caffe.hpp>
#include <caffe/sgd_solvers.hpp>
#include <fstream>
#include <iostream>
using namespace caffe; using namespace std;
static vector<unsigned char> raw(const char*p,size_t skip){ ifstream f(p,ios::binary); vector<unsigned char> v((istreambuf_iterator<char>(f)),istreambuf_iterator<char>()); v.erase(v.begin(),v.begin()+skip); return v; }
int main(int argc,char**argv){
  google::InitGoogleLogging("x"); FLAGS_minloglevel=1; Caffe::set_mode(Caffe::CPU);
  SolverParameter sp; ReadSolverParamsFromTextFileOrDie("/tmp/lenet/solver.prototxt",&sp); Caffe::set_random_seed(sp.random_seed());
  SGDSolver<float> s(sp);
  auto im=raw(argv[1],16), la=raw(argv[2],8); size_t n=la.size(); srand(1);
  auto net=s.net(); float loss=0;
  for(int it=0;it<sp.max_iter();++it){
    float*d=net->blob_by_name("data")->mutable_cpu_data(),*l=net->blob_by_name("label")->mutable_cpu_data();
    for(int i=0;i<64;++i){ size_t k=rand()%n; for(int j=0;j<784;++j) d[i*784+j]=im[k*784+j]; l[i]=la[k]; }
    s.Step(1); loss=0.99*loss+0.01*net->blob_by_name("loss")->cpu_data()[0]; if(it%500==499) cerr<<it<<" "<<loss<<endl;
  }
  NetParameter p; net->ToProto(&p,false); WriteProtoToBinaryFile(p,"/tmp/lenet/lenet.caffemodel");
}
