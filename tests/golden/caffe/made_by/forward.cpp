// forward: driver PROTOTXT CAFFEMODEL INPUTDIR OUTDIR   (each input NAME.f32 raw with shape in NAME.shape)
#include <caffe/caffe.hpp>
#include <fstream>
#include <iostream>
using namespace caffe; using namespace std;
int main(int argc,char**argv){
  google::InitGoogleLogging("x"); FLAGS_minloglevel=2;
  Caffe::set_mode(Caffe::CPU);
  Net<float> net(argv[1], TEST);
  if(string(argv[2])!="-") net.CopyTrainedLayersFrom(argv[2]);
  else for(auto&l: net.layers()) if(string(l->type())=="BatchNorm"){   // statistics, as training would leave
    auto&b=l->blobs(); for(int i=0;i<b[0]->count();++i){ b[0]->mutable_cpu_data()[i]=0.2f*i-0.3f; b[1]->mutable_cpu_data()[i]=1.5f+0.4f*i; }
    b[2]->mutable_cpu_data()[0]=2.f; }
  string in=argv[3], out=argv[4];
  for(int i=0;i<net.num_inputs();++i){
    string name=net.blob_names()[net.input_blob_indices()[i]];
    ifstream sh(in+"/"+name+".shape"); vector<int> shape; int d; while(sh>>d) shape.push_back(d);
    Blob<float>*b=net.input_blobs()[i]; b->Reshape(shape);
    ifstream f(in+"/"+name+".f32",ios::binary); f.read((char*)b->mutable_cpu_data(), b->count()*4);
    if(!f) {cerr<<"short "<<name<<endl; return 1;}
  }
  net.Reshape(); net.Forward();
  for(int i=0;i<net.num_outputs();++i){
    string name=net.blob_names()[net.output_blob_indices()[i]];
    Blob<float>*b=net.output_blobs()[i];
    ofstream sh(out+"/"+name+".shape"); for(int d: b->shape()) sh<<d<<" "; 
    ofstream f(out+"/"+name+".f32",ios::binary); f.write((const char*)b->cpu_data(), b->count()*4);
  }
  if(argc>5){ NetParameter p; net.ToProto(&p,false); WriteProtoToBinaryFile(p,argv[5]); }
}
